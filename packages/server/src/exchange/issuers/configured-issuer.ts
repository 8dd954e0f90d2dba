import type { Clock, IssuerSettings, Logger } from '@countersign/plugin-kit'
import {
  type CryptoBackend,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
  type TrustedKeys,
} from '@countersign/protocol'
import type { TrustedIssuer } from '@countersign/protocol/exchange'
import { IssuerKeys } from '../../issuer-keys/issuer-keys.ts'
import type { KeySource } from '../../issuer-keys/key-source.ts'
import { ExchangeError } from '../exchange-error.ts'
import type { IssuerConfig } from '../token-service-schema.ts'

export interface ConfiguredIssuerParts {
  readonly source: KeySource
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
}

/** How long keys count that could not be fetched again. Longer than an issuer is down; then its word is too old. */
const MAX_AGE_SECONDS = 86_400

/** A configured issuer with its keys. */
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
  readonly acceptsUntypedAccessTokens: boolean
  readonly #keys: IssuerKeys

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
    this.acceptsUntypedAccessTokens = config.untypedAccessTokens === true
    const { refreshInterval } = config
    const times = {
      fresh: refreshInterval,
      waitAfter: 2 * refreshInterval,
      minInterval: refreshInterval,
      maxAge: MAX_AGE_SECONDS,
    }
    this.#keys = new IssuerKeys({ ...parts, name: config.name, times })
  }

  /** None when they are so old that they must be asked for first: the verifier asks for a key that it misses. */
  get keys(): TrustedKeys {
    return this.#keys.current
  }

  knowsKey(kid: string): boolean {
    return this.#keys.knows(kid)
  }

  /** Asks at most once in an interval, whatever comes of it. */
  refreshKeys(): Promise<void> {
    return this.#keys.refresh()
  }

  /** Ends what is under way. */
  stop(): Promise<void> {
    return this.#keys.stop()
  }
}

function parseAlgorithms(name: string, algorithms: readonly string[]): readonly SignatureAlgorithm[] {
  return algorithms.map((alg) => {
    if (isSignatureAlgorithm(alg)) return alg
    throw new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${name}": no signature algorithm is named "${alg}"`)
  })
}
