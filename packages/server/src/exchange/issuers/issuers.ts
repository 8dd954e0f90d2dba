import { CredentialError, errorCode, parseTrustDomain } from '@countersign/protocol'
import { isOwnClaim } from '@countersign/protocol/exchange'
import { ExchangeError } from '../exchange-error.ts'
import { OWN_ISSUER } from '../own-token-keys.ts'
import type { IssuerConfig } from '../token-service-schema.ts'
import type { ConfiguredIssuer } from './configured-issuer.ts'

/**
 * Issuers that sign for many parties who do not know each other. Without a claim that says which of them, a rule for one
 * would be a rule for all.
 */
const SHARED_ISSUERS = [
  /^https:\/\/token\.actions\.githubusercontent\.com$/,
  /^https:\/\/gitlab\.com$/,
  /^https:\/\/accounts\.google\.com$/,
  /^https:\/\/(?:login\.microsoftonline\.com|sts\.windows\.net)\//,
  /^https:\/\/agent\.buildkite\.com$/,
  /^https:\/\/oidc\.circleci\.com\//,
  /^https:\/\/app\.terraform\.io$/,
]

/** All configured issuers. */
export class Issuers {
  readonly #issuers: readonly ConfiguredIssuer[]

  constructor(issuers: readonly ConfiguredIssuer[]) {
    this.#issuers = issuers
  }

  /** Fetches all keys, and waits for none of them longer than an attempt takes. An issuer that is away is asked again. */
  async start(): Promise<void> {
    await Promise.all(this.#issuers.map((issuer) => issuer.refreshKeys()))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#issuers.map((issuer) => issuer.stop()))
  }

  has(name: string): boolean {
    return this.#issuers.some((issuer) => issuer.name === name)
  }

  /**
   * @param iss of a token
   * @param kid of it. Clusters are often installed with one and the same issuer URL: then it is the one with that key
   * @throws CredentialError `ERR_CREDENTIAL_ISSUER`
   */
  find(profile: string, iss: string, kid: string | undefined): ConfiguredIssuer {
    const candidates = this.#issuers.filter((issuer) => issuer.url === iss && issuer.profiles.has(profile))
    const [only, second] = candidates
    if (only === undefined) {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'issuer of credential is not trusted here', {
        detail: `${profile}, iss ${iss.slice(0, 200)}`,
      })
    }
    if (second === undefined) return only
    const holders = candidates.filter((issuer) => kid !== undefined && issuer.knowsKey(kid))
    const [holder, other] = holders
    if (holder !== undefined && other === undefined) return holder
    throw new CredentialError(
      'ERR_CREDENTIAL_ISSUER',
      'several issuers have this name, and the key tells none of them',
      {
        detail: `iss ${iss.slice(0, 200)}`,
      },
    )
  }
}

/** What rules call this service's own tokens, and registered clients. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([OWN_ISSUER, 'clients'])

/**
 * Checks what each issuer says against the others.
 *
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`
 */
export function validateIssuers(configs: readonly IssuerConfig[]): void {
  const names = new Set<string>()
  for (const config of configs) {
    const refuse = (reason: string) => new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${config.name}": ${reason}`)
    if (names.has(config.name)) throw refuse('another one has this name')
    names.add(config.name)
    // Rules name trust domains and issuers in one place.
    if (RESERVED_NAMES.has(config.name) || (config.name.includes('.') && isTrustDomain(config.name))) {
      throw refuse('choose a name that cannot be a trust domain, nor "self" or "clients"')
    }
    const taken = Object.values(config.claims).find(isOwnClaim)
    if (taken !== undefined) throw refuse(`"claims": "${taken}" has a meaning already`)
    if (
      SHARED_ISSUERS.some((shared) => shared.test(config.issuer)) &&
      Object.keys(config.requiredClaims).length === 0
    ) {
      throw refuse('it signs for many: "requiredClaims" must say which of them is meant')
    }
    if (configs.length > 1 && config.subjectPrefix === '') {
      throw refuse(
        `with several issuers each needs a "subjectPrefix", such as "${config.name}/", or one could name a subject of another`,
      )
    }
    const clash = configs.find((other) => other !== config && other.subjectPrefix.startsWith(config.subjectPrefix))
    if (clash !== undefined) throw refuse(`its "subjectPrefix" is how that of "${clash.name}" begins`)
  }
}

function isTrustDomain(name: string): boolean {
  try {
    parseTrustDomain(name)
    return true
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
