import type { WorkloadRuntime } from '../workload-runtime.ts'
import type { ExchangedToken } from './exchanged-token.ts'

/** A new token is asked for when about this much of the old one's life is over. */
const REFRESH_FRACTION = 0.75
/** How far one program's moment lies from another's, in parts of the life: what began together must not ask together. */
const JITTER_FRACTION = 0.1
/** A token that would end on its way is as good as none. In seconds, and at most a tenth of its life. */
const MARGIN_SECONDS = 5
/** After a failure, while the old token is still good. */
const RETRY_SECONDS = 5
/** The same without one: a program that asks in a loop must not ask the service in a loop. */
const FAILED_SECONDS = 1
/** A token younger than this is not thrown away: whoever refuses every token must not make us ask for one at each call. */
const MIN_AGE_SECONDS = 30

/** One token, kept current as it is used. Nothing happens while nobody asks. */
export class RefreshingToken {
  readonly #request: () => Promise<ExchangedToken>
  readonly #runtime: Pick<WorkloadRuntime, 'now' | 'random'>
  #held: { readonly token: ExchangedToken; readonly refreshAt: number; readonly lastCall: number } | undefined
  #asking: Promise<ExchangedToken> | undefined
  #failed: { readonly error: unknown } | undefined
  #retryAt = Number.NEGATIVE_INFINITY

  constructor(request: () => Promise<ExchangedToken>, runtime: Pick<WorkloadRuntime, 'now' | 'random'>) {
    this.#request = request
    this.#runtime = runtime
  }

  /**
   * The token as of now. Who asks while one is on its way gets that one; who asks when it should be renewed gets the old one
   * and does not wait; and while the service is away the old one is given as long as it lives.
   *
   * @throws what the request threw, when there is no token that is still good
   */
  async current(): Promise<ExchangedToken> {
    const now = this.#runtime.now()
    const held = this.#held
    if (held !== undefined && now < held.refreshAt) return held.token
    if (held !== undefined && now < held.lastCall) {
      if (now >= this.#retryAt) this.#ask().catch(() => {})
      return held.token
    }
    if (held === undefined || now >= held.token.expiresAt) return this.#askOrFail(now)
    return this.#askOrFail(now).catch((error: unknown) => {
      // By now it may have ended, while the service let us wait.
      if (this.#runtime.now() >= held.token.expiresAt) throw error
      return held.token
    })
  }

  /** For a token that whom it was shown to does not believe. */
  discard(token: ExchangedToken): void {
    if (this.#held?.token === token && this.#runtime.now() >= token.issuedAt + MIN_AGE_SECONDS) this.#held = undefined
  }

  async #askOrFail(now: number): Promise<ExchangedToken> {
    if (this.#asking === undefined && this.#failed !== undefined && now < this.#retryAt) throw this.#failed.error
    return this.#ask()
  }

  #ask(): Promise<ExchangedToken> {
    this.#asking ??= this.#request()
      .then((token) => {
        this.#hold(token)
        return token
      })
      .catch((error: unknown) => {
        const now = this.#runtime.now()
        const isGood = this.#held !== undefined && now < this.#held.token.expiresAt
        this.#failed = { error }
        this.#retryAt = now + (isGood ? RETRY_SECONDS : FAILED_SECONDS)
        throw error
      })
      .finally(() => {
        this.#asking = undefined
      })
    return this.#asking
  }

  #hold(token: ExchangedToken): void {
    const { issuedAt, expiresAt } = token
    const lifetime = expiresAt - issuedAt
    const fraction = REFRESH_FRACTION + JITTER_FRACTION * (2 * this.#runtime.random() - 1)
    const lastCall = expiresAt - Math.min(MARGIN_SECONDS, lifetime / 10)
    this.#held = { token, refreshAt: Math.min(issuedAt + lifetime * fraction, lastCall), lastCall }
    this.#failed = undefined
    this.#retryAt = Number.NEGATIVE_INFINITY
  }
}
