import type { DocumentFetcher } from '../../federation/fetch-document.ts'
import { type KeySource, openKeySource } from '../../issuer-keys/key-source.ts'
import { ExchangeError } from '../exchange-error.ts'
import type { IssuerConfig } from '../token-service-schema.ts'

/**
 * @param fetchDocument follows no redirect
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER` unless exactly one place is configured; `ERR_EXCHANGE_KEYS` for one that is none
 */
export function openIssuerKeySource(config: IssuerConfig, fetchDocument: DocumentFetcher): KeySource {
  const { name, issuer, jwks, jwksFile, jwksUri, discovery, ...rules } = config
  const places = [jwks, jwksFile, jwksUri, discovery].filter((place) => place !== undefined)
  if (places.length !== 1) {
    throw new ExchangeError(
      'ERR_EXCHANGE_ISSUER',
      `issuer "${name}": exactly one of "jwks", "jwksFile", "jwksUri" and "discovery" must be given`,
    )
  }
  const refuse = (reason: string, cause?: unknown) =>
    new ExchangeError('ERR_EXCHANGE_KEYS', `issuer "${name}": ${reason}`, cause === undefined ? {} : { cause })
  const { webRootsFile, allowedAddresses } = rules
  return openKeySource(
    {
      jwks,
      jwksFile,
      jwksUri,
      discovery: discovery && { issuer, places: ['openid-configuration', 'oauth-authorization-server'] },
      webRootsFile,
      allowedAddresses,
    },
    fetchDocument,
    refuse,
  )
}
