import type { Clock, Logger } from '@countersign/plugin-kit'
import { type CryptoBackend, errorCode, TrustedKeys, WorkloadIdentityError } from '@countersign/protocol'
import type { KeySource } from './key-source.ts'

/** How long keys count, in seconds. */
export interface KeyTimes {
  /** After it keys are asked for again, beside the request that shows it. */
  readonly fresh: number
  /** After it they are asked for before any is believed: so long a key counts that an issuer has withdrawn. */
  readonly waitAfter: number
  /** How long keys count that could not be had again. */
  readonly maxAge: number
  /** Whoever shows tokens of unknown keys, or any while the issuer is away, makes this server ask no more often. */
  readonly minInterval: number
}

export interface IssuerKeysParts {
  /** What the log calls the issuer. */
  readonly name: string
  readonly source: KeySource
  readonly times: KeyTimes
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
}

const TIMEOUT_MS = 10_000

/** The keys of one issuer, had again as time goes by and when one is not known. */
export class IssuerKeys {
  readonly #parts: IssuerKeysParts
  readonly #none: TrustedKeys
  readonly #stopping = new AbortController()
  #keys: TrustedKeys
  #loadedAt: number | undefined
  #askedAt: number | undefined
  #loading: Promise<void> | undefined

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts
    this.#none = new TrustedKeys([], parts.crypto)
    this.#keys = this.#none
  }

  /**
   * For a token: none when those that are known are not to be believed without asking first. Whoever misses one waits for
   * {@link refresh} and looks again. The same object as long as they are the same.
   */
  get current(): TrustedKeys {
    const { source, times } = this.#parts
    if (!source.changes) return this.#keys
    const age = this.#age()
    if (age > times.maxAge) return this.#none
    // A request does not wait for keys that it may not need, as long as requests are frequent.
    if (age > times.fresh) void this.refresh()
    return age > times.waitAfter && this.#loading !== undefined ? this.#none : this.#keys
  }

  /** Whether there is a key of this name, however old: says whose a token may be, and nothing of whether to believe it. */
  knows(kid: string): boolean {
    return this.#keys.jwks.some((jwk) => jwk.kid === kid)
  }

  /** Asks, or waits for who is asking, unless that was done just before. Never fails: what is known then counts. */
  refresh(): Promise<void> {
    const { source, clock } = this.#parts
    if (this.#loading !== undefined) return this.#loading
    if (this.#wasJustAsked() || (!source.changes && this.#loadedAt !== undefined)) return Promise.resolve()
    this.#askedAt = clock.now()
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined
      // Or who waited for an attempt that took long would begin the next one.
      this.#askedAt = clock.now()
    })
    return this.#loading
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loading
  }

  /** A clock that was set back must not make keys last longer. */
  #age(): number {
    const age = this.#loadedAt === undefined ? Infinity : this.#parts.clock.now() - this.#loadedAt
    return age < 0 ? Infinity : age
  }

  /** Nor may it put the next attempt off. */
  #wasJustAsked(): boolean {
    const since = this.#askedAt === undefined ? Infinity : this.#parts.clock.now() - this.#askedAt
    return since >= 0 && since < this.#parts.times.minInterval
  }

  async #load(): Promise<void> {
    const { name, source, crypto, clock, log } = this.#parts
    const deadline = new AbortController()
    const cancel = clock.schedule(TIMEOUT_MS, () => deadline.abort())
    try {
      const jwks = await source.load(AbortSignal.any([this.#stopping.signal, deadline.signal]))
      // The same object as long as they are the same: imported keys stay in it.
      if (JSON.stringify(jwks) !== JSON.stringify(this.#keys.jwks)) {
        this.#keys = new TrustedKeys(jwks, crypto)
        log.info({ issuer: name, kids: jwks.map(({ kid }) => kid) }, 'keys of an issuer have changed')
      }
      this.#loadedAt = clock.now()
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      const reason = error instanceof WorkloadIdentityError ? error.message : undefined
      log.error({ issuer: name, code: errorCode(error), reason, err: error }, 'keys of an issuer cannot be had')
    } finally {
      cancel()
    }
  }
}
