import type { Clock, Logger, TokenProfile } from '@countersign/plugin-kit'
import type { CryptoBackend } from '@countersign/protocol'
import { parseAddressRange } from '../../federation/address-range.ts'
import { createDocumentFetcher } from '../../federation/fetch-document.ts'
import type { ResolveHost } from '../../federation/resolve-address.ts'
import { ExchangeError } from '../exchange-error.ts'
import type { IssuerConfig } from '../token-service-schema.ts'
import { CLIENT_ATTESTATION_PROFILE } from './attesters.ts'
import { ConfiguredIssuer } from './configured-issuer.ts'
import { openIssuerKeySource } from './issuer-key-source.ts'

const ACCESS_TOKEN_PROFILE = 'access-token'

export interface OpenIssuerParts {
  readonly profiles: ReadonlyMap<string, TokenProfile>
  readonly resolveHost: ResolveHost
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Makes an issuer of its configuration. Nothing is fetched yet.
 *
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`, `ERR_EXCHANGE_KEYS`
 */
export function openIssuer(config: IssuerConfig, { profiles, resolveHost, crypto, clock, log }: OpenIssuerParts) {
  const refuse = (reason: string) => new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${config.name}": ${reason}`)
  for (const profile of config.profiles) {
    // No token profile: it comes in fields of its own, and is exchanged for nothing.
    if (profile === CLIENT_ATTESTATION_PROFILE) continue
    const half = profiles.get(profile)?.in
    if (half === undefined) throw refuse(`no profile takes "${profile}"`)
    if (!half.vouchers.includes('issuer')) {
      throw refuse(`by "${profile}" trust domains vouch, or this service, and no configured issuer`)
    }
  }
  if (config.maxAge !== undefined && !config.profiles.includes(CLIENT_ATTESTATION_PROFILE)) {
    throw refuse(`"maxAge" is for attesters, profile "${CLIENT_ATTESTATION_PROFILE}"`)
  }
  if (config.untypedAccessTokens === true && !config.profiles.includes(ACCESS_TOKEN_PROFILE)) {
    throw refuse(`"untypedAccessTokens" is for issuers of access tokens, profile "${ACCESS_TOKEN_PROFILE}"`)
  }
  if (config.allowedAddresses?.some((range) => parseAddressRange(range) === undefined)) {
    throw refuse('"allowedAddresses" has one that is none')
  }
  // A redirect of keys would put the word of one host in place of another's.
  const source = openIssuerKeySource(config, createDocumentFetcher(resolveHost, 0))
  return new ConfiguredIssuer(config, { source, crypto, clock, log })
}
