import type { Clock, Logger } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { DocumentFetcher } from '../../federation/fetch-document.ts'
import { IssuerKeys } from '../../issuer-keys/issuer-keys.ts'
import { openKeySource } from '../../issuer-keys/key-source.ts'
import { AdminError } from '../admin-error.ts'
import type { OidcIssuerConfig } from './oidc-issuer-config.ts'

export interface OpenIssuerKeysParts {
  /** Follows no redirect. */
  readonly fetch: DocumentFetcher
  readonly clock: Clock
  readonly log: Logger
}

/** Administrators decide over everything, so what their issuer said counts for an hour and not for a day. */
const TIMES = { fresh: 600, waitAfter: 600, maxAge: 3600, minInterval: 10 }

/**
 * The keys of an issuer of administrators: from the file that was pinned, else by OpenID Connect discovery.
 *
 * @throws AdminError `ERR_ADMIN_TOKEN_KEYS` for an issuer that can have no metadata
 */
export function openIssuerKeys(config: OidcIssuerConfig, { fetch, clock, log }: OpenIssuerKeysParts): IssuerKeys {
  const { issuer, keysFile, webRootsFile, allowedAddresses } = config
  const places = ['openid-configuration'] as const
  const place = keysFile === undefined ? { discovery: { issuer, places } } : { jwksFile: keysFile }
  const refuse = (reason: string, cause?: unknown) =>
    new AdminError('ERR_ADMIN_TOKEN_KEYS', `issuer of administrators: ${reason}`, cause === undefined ? {} : { cause })
  const source = openKeySource({ ...place, webRootsFile, allowedAddresses }, fetch, refuse)
  return new IssuerKeys({ name: issuer, source, times: TIMES, crypto: nodeCrypto, clock, log })
}
