import { readFile } from 'node:fs/promises'
import { readLimited } from '@countersign/plugin-kit'
import { parseJwkSet, parseTokenKeys, TrustedKeys } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { AddressPolicy } from '../../federation/address-policy.ts'
import type { BundleFetcher } from '../../federation/fetch-bundle.ts'
import { AdminError } from '../admin-error.ts'
import type { OidcIssuerConfig } from './oidc-issuer-config.ts'

const MAX_KEYS_BYTES = 256 * 1024

/**
 * Gets an issuer's keys: from the file that was pinned, else by discovery.
 *
 * @throws AdminError `ERR_ADMIN_TOKEN_KEYS`, FederationError, BundleError, EncodingError, or the platform's own error
 * @see OpenID Connect Discovery 1.0 section 4
 */
export async function loadIssuerKeys(
  config: OidcIssuerConfig,
  fetch: BundleFetcher,
  signal: AbortSignal,
): Promise<TrustedKeys> {
  if (config.keysFile !== undefined) return readKeys(config.keysFile)
  const webRoots = config.webRootsFile === undefined ? undefined : await readFile(config.webRootsFile, 'utf8')
  const rules = {
    authentication: { profile: 'https_web', webRoots },
    addresses: new AddressPolicy(config.allowedAddresses ?? []),
  } as const
  const base = config.issuer.replace(/\/$/, '')
  const metadata = await fetch({ url: `${base}/.well-known/openid-configuration`, ...rules }, signal)
  // Section 4.3: else one issuer of a host could answer for another.
  if (metadata['issuer'] !== config.issuer) {
    throw new AdminError('ERR_ADMIN_TOKEN_KEYS', 'metadata is that of another issuer')
  }
  const { jwks_uri: url } = metadata
  if (typeof url !== 'string') throw new AdminError('ERR_ADMIN_TOKEN_KEYS', 'metadata names no keys')
  const { keys } = await fetch({ url, ...rules }, signal)
  return new TrustedKeys(parseTokenKeys(keys, 'sig'), nodeCrypto)
}

async function readKeys(path: string): Promise<TrustedKeys> {
  const { bytes, truncated } = await readLimited(path, MAX_KEYS_BYTES)
  if (truncated) throw new AdminError('ERR_ADMIN_TOKEN_KEYS', `keysFile is larger than ${MAX_KEYS_BYTES} bytes`)
  return new TrustedKeys(parseJwkSet(bytes.toString('utf8'), 'sig'), nodeCrypto)
}
