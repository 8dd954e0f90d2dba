import { readFile } from 'node:fs/promises'
import { readLimited } from '@countersign/plugin-kit'
import { decodeUtf8, type JsonObject, type PublicJwk, parseJsonObject, parseTokenKeys } from '@countersign/protocol'
import { AddressPolicy } from '../../federation/address-policy.ts'
import type { DocumentFetcher } from '../../federation/fetch-document.ts'
import { ExchangeError } from '../exchange-error.ts'
import type { IssuerConfig } from '../token-service-schema.ts'

/** Where the keys of one issuer come from. */
export interface KeySource {
  /** Whether asking again can have another answer. */
  readonly changes: boolean
  /** @throws ExchangeError `ERR_EXCHANGE_KEYS`, FederationError when they cannot be had */
  load(signal: AbortSignal): Promise<readonly PublicJwk[]>
}

/** Far more than any issuer has; a cluster has two. */
const MAX_KEYS = 100
const MAX_FILE_BYTES = 256 * 1024

/**
 * @param fetchDocument follows no redirect: keys come from the place that was configured and from nowhere else
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER` unless exactly one place is configured
 */
export function openKeySource(config: IssuerConfig, fetchDocument: DocumentFetcher): KeySource {
  const { jwks, jwksFile, jwksUri, discovery } = config
  const places = [jwks, jwksFile, jwksUri, discovery].filter((place) => place !== undefined)
  if (places.length !== 1) {
    throw new ExchangeError(
      'ERR_EXCHANGE_ISSUER',
      `issuer "${config.name}": exactly one of "jwks", "jwksFile", "jwksUri" and "discovery" must be given`,
    )
  }
  if (jwks !== undefined) {
    const keys = parseKeys(jwks, config)
    return { changes: false, load: async () => keys }
  }
  if (jwksFile !== undefined) {
    return { changes: true, load: async () => parseKeys(await readDocument(jwksFile, config), config) }
  }
  const fetch = fetcherFor(config, fetchDocument)
  if (jwksUri !== undefined) {
    requireHttps(jwksUri, config)
    return { changes: true, load: async (signal) => parseKeys(await fetch(jwksUri, signal), config) }
  }
  requireHttps(config.issuer, config)
  return {
    changes: true,
    async load(signal) {
      const metadata = await discover(config, fetch, signal)
      return parseKeys(await fetch(metadata, signal), config)
    },
  }
}

type Fetch = (url: string, signal: AbortSignal) => Promise<JsonObject>

function fetcherFor(config: IssuerConfig, fetchDocument: DocumentFetcher): Fetch {
  const addresses = new AddressPolicy(config.allowedAddresses ?? [])
  const { webRootsFile } = config
  return async (url, signal) => {
    const webRoots = webRootsFile === undefined ? {} : { webRoots: await readFile(webRootsFile, 'utf8') }
    return fetchDocument({ url, addresses, authentication: { profile: 'https_web', ...webRoots } }, signal)
  }
}

/**
 * @returns `jwks_uri`
 * @see OpenID Connect Discovery 1.0 sections 4.1 and 4.3; RFC 8414 sections 3 and 3.3
 */
async function discover(config: IssuerConfig, fetch: Fetch, signal: AbortSignal): Promise<string> {
  const metadata = await fetch(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, signal)
  // Another issuer's metadata, put in the way, would bring that one's keys.
  if (metadata['issuer'] !== config.issuer) throw unusable(config, 'metadata are of another issuer')
  const jwksUri = metadata['jwks_uri']
  if (typeof jwksUri !== 'string') throw unusable(config, 'metadata have no "jwks_uri"')
  requireHttps(jwksUri, config)
  return jwksUri
}

function requireHttps(url: string, config: IssuerConfig): void {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'https:' || parsed.username !== '' || parsed.password !== '') {
    throw unusable(config, 'keys must come from an https URL without user name')
  }
}

async function readDocument(path: string, config: IssuerConfig): Promise<JsonObject> {
  let read: Awaited<ReturnType<typeof readLimited>>
  try {
    read = await readLimited(path, MAX_FILE_BYTES)
  } catch (cause) {
    throw unusable(config, `key file cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, cause)
  }
  if (read.truncated) throw unusable(config, `key file is larger than ${MAX_FILE_BYTES} bytes`)
  try {
    return parseJsonObject(decodeUtf8(read.bytes))
  } catch (cause) {
    throw unusable(config, 'key file is no JSON object', cause)
  }
}

function parseKeys(document: unknown, config: IssuerConfig): readonly PublicJwk[] {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) throw unusable(config, 'keys are no JSON Web Key Set')
  if (keys.length > MAX_KEYS) throw unusable(config, `more than ${MAX_KEYS} keys`)
  try {
    return parseTokenKeys(keys, 'sig')
  } catch (cause) {
    throw unusable(config, 'keys are no JSON Web Key Set', cause)
  }
}

function unusable(config: IssuerConfig, reason: string, cause?: unknown): ExchangeError {
  const context = cause === undefined ? {} : { cause }
  return new ExchangeError('ERR_EXCHANGE_KEYS', `issuer "${config.name}": ${reason}`, context)
}
