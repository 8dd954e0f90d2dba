import type { Clock, IssuerSettings, Logger } from '@countersign/plugin-kit'
import {
  type CryptoBackend,
  errorCode,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
  TrustedKeys,
  WorkloadIdentityError,
} from '@countersign/protocol'
import type { TrustedIssuer } from '@countersign/protocol/exchange'
import { ExchangeError } from '../exchange-error.ts'
import type { IssuerConfig } from '../token-service-schema.ts'
import type { KeySource } from './key-source.ts'

export interface ConfiguredIssuerParts {
  readonly source: KeySource
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
}

const TIMEOUT_MS = 10_000
/** How long keys count that could not be fetched again. Longer than an issuer is down; then its word is too old. */
const MAX_AGE_SECONDS = 86_400

/** A configured issuer with its keys, which are fetched again as time goes by and when one is not known. */
export class ConfiguredIssuer implements TrustedIssuer, IssuerSettings {
  readonly name: string
  readonly url: string
  readonly profiles: ReadonlySet<string>
  readonly algorithms?: readonly SignatureAlgorithm[]
  readonly allowsTokenEndpointAudience: boolean
  readonly allowsReuse: boolean
  readonly subjectPrefix: string
  readonly requiredClaims: Readonly<Record<string, readonly string[]>>
  readonly mappedClaims: Readonly<Record<string, string>>
  readonly maxLifetimeSeconds: number | undefined
  readonly maxAgeSeconds: number | undefined
  readonly #parts: ConfiguredIssuerParts
  readonly #interval: number
  readonly #none: TrustedKeys
  readonly #stopping = new AbortController()
  #keys: TrustedKeys
  #loadedAt: number | undefined
  #askedAt: number | undefined
  #loading: Promise<void> | undefined

  /** @throws ExchangeError `ERR_EXCHANGE_ISSUER` for an algorithm that is not known */
  constructor(config: IssuerConfig, parts: ConfiguredIssuerParts) {
    this.name = config.name
    this.url = config.issuer
    this.profiles = new Set(config.profiles)
    if (config.algorithms !== undefined) this.algorithms = parseAlgorithms(config.name, config.algorithms)
    this.allowsTokenEndpointAudience = config.tokenEndpointAudience
    this.allowsReuse = config.reuse
    this.subjectPrefix = config.subjectPrefix
    this.requiredClaims = config.requiredClaims
    this.mappedClaims = config.claims
    this.maxLifetimeSeconds = config.maxLifetime
    this.maxAgeSeconds = config.maxAge
    this.#parts = parts
    this.#interval = config.refreshInterval
    this.#none = new TrustedKeys([], parts.crypto)
    this.#keys = this.#none
  }

  /** As of the last time they were had. */
  get keys(): TrustedKeys {
    const { source, clock } = this.#parts
    if (!source.changes || this.#loadedAt === undefined) return this.#keys
    const age = clock.now() - this.#loadedAt
    if (age > MAX_AGE_SECONDS) return this.#none
    // For the next one who asks: a request does not wait for keys that it may not need.
    if (age > this.#interval) void this.refreshKeys()
    return this.#keys
  }

  /** Waits for the keys, if they are fetched at the moment. Asks at most once in an interval, whatever comes of it. */
  refreshKeys(): Promise<void> {
    const { source, clock } = this.#parts
    if (this.#loading !== undefined) return this.#loading
    const now = clock.now()
    // A clock that was set back must not put it off for longer.
    const isSoon = this.#askedAt !== undefined && now >= this.#askedAt && now < this.#askedAt + this.#interval
    if (isSoon || (!source.changes && this.#loadedAt !== undefined)) return Promise.resolve()
    this.#askedAt = now
    this.#loading = this.#load().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loading
  }

  async #load(): Promise<void> {
    const { source, crypto, clock, log } = this.#parts
    try {
      const timeout = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(TIMEOUT_MS)])
      const jwks = await source.load(timeout)
      // The same object as long as they are the same: imported keys stay in it.
      if (JSON.stringify(jwks) !== JSON.stringify(this.#keys.jwks)) {
        this.#keys = new TrustedKeys(jwks, crypto)
        log.info({ issuer: this.name, kids: jwks.map(({ kid }) => kid) }, 'keys of an issuer have changed')
      }
      this.#loadedAt = clock.now()
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      const reason = error instanceof WorkloadIdentityError ? error.message : undefined
      log.error({ issuer: this.name, code: errorCode(error), reason, err: error }, 'keys of an issuer cannot be had')
    }
  }
}

function parseAlgorithms(name: string, algorithms: readonly string[]): readonly SignatureAlgorithm[] {
  return algorithms.map((alg) => {
    if (isSignatureAlgorithm(alg)) return alg
    throw new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${name}": no signature algorithm is named "${alg}"`)
  })
}
