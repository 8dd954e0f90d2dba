import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, type TrustedKeys, WorkloadIdentityError } from '@countersign/protocol'
import { AdminError } from '../admin-error.ts'

export interface IssuerKeysOptions {
  readonly issuer: string
  /** @param signal ends the attempt */
  readonly load: (signal: AbortSignal) => Promise<TrustedKeys>
  readonly clock: Clock
  readonly log: Logger
}

/** A key that the issuer withdraws is believed for this much longer. */
const FRESH_SECONDS = 600
/** How long the issuer may be away before its tokens count no more. */
const STALE_SECONDS = 3600
/** Whoever shows tokens of unknown keys, or any while the issuer is away, makes this server ask no more often. */
const MIN_INTERVAL_SECONDS = 10
const TIMEOUT_MS = 10_000

/** The keys of one issuer, got when they are needed and kept for minutes. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #known: { readonly keys: TrustedKeys; readonly at: number } | undefined
  #attemptAt = Number.NEGATIVE_INFINITY
  #loading: Promise<void> | undefined

  constructor(options: IssuerKeysOptions) {
    this.#options = options
  }

  /** @throws AdminError `ERR_ADMIN_TOKEN_KEYS` */
  async current(): Promise<TrustedKeys> {
    if (this.#age() > FRESH_SECONDS) await this.#loadUnlessJustTried()
    const known = this.#known
    if (known === undefined || this.#age() > STALE_SECONDS) {
      throw new AdminError('ERR_ADMIN_TOKEN_KEYS', 'keys of the issuer cannot be had at present')
    }
    return known.keys
  }

  /** For a token that names none of the known keys. @returns the same when they were asked for just before */
  async renewed(): Promise<TrustedKeys> {
    await this.#loadUnlessJustTried()
    return this.current()
  }

  #age(): number {
    const age = this.#known === undefined ? Infinity : this.#options.clock.now() - this.#known.at
    // A clock that was set back must not make keys last longer.
    return age < 0 ? Infinity : age
  }

  async #loadUnlessJustTried(): Promise<void> {
    if (this.#loading !== undefined) return this.#loading
    const now = this.#options.clock.now()
    if (now >= this.#attemptAt && now < this.#attemptAt + MIN_INTERVAL_SECONDS) return
    this.#attemptAt = now
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #load(): Promise<void> {
    const { issuer, load, clock, log } = this.#options
    const deadline = new AbortController()
    const cancel = clock.schedule(TIMEOUT_MS, () => deadline.abort())
    try {
      this.#known = { keys: await load(deadline.signal), at: clock.now() }
    } catch (error) {
      const detail = error instanceof WorkloadIdentityError ? (error.detail ?? error.message) : undefined
      log.warn({ issuer, code: errorCode(error), detail }, 'keys of an issuer of administrators could not be loaded')
    } finally {
      cancel()
    }
  }
}
