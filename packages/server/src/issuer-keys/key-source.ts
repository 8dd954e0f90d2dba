import { readFile } from 'node:fs/promises'
import { readLimited } from '@countersign/plugin-kit'
import { decodeUtf8, type JsonObject, type PublicJwk, parseJsonObject, parseTokenKeys } from '@countersign/protocol'
import { AddressPolicy } from '../federation/address-policy.ts'
import type { DocumentFetcher } from '../federation/fetch-document.ts'
import { discoverKeys, isDiscoverable, type MetadataPlace, type RefuseKeys } from './discover-keys.ts'

/** Where the keys of one issuer come from. */
export interface KeySource {
  /** Whether asking again can have another answer. */
  readonly changes: boolean
  /** @throws FederationError, or as {@link RefuseKeys}, when they cannot be had */
  load(signal: AbortSignal): Promise<readonly PublicJwk[]>
}

/** What an operator said of the place. One of the first four. */
export interface KeyPlace {
  readonly jwks?: unknown
  readonly jwksFile?: string | undefined
  readonly jwksUri?: string | undefined
  /** By the metadata of the issuer, looked for in this order. */
  readonly discovery?: { readonly issuer: string; readonly places: readonly MetadataPlace[] } | undefined
  /** PEM file; without it the Web PKI's. */
  readonly webRootsFile?: string | undefined
  readonly allowedAddresses?: readonly string[] | undefined
}

/** Far more than any issuer has; a cluster has two. */
const MAX_KEYS = 100
const MAX_FILE_BYTES = 256 * 1024

/**
 * @param fetchDocument follows no redirect: keys come from the place that was configured and from nowhere else
 * @throws as `refuse` for a place that cannot be one
 */
export function openKeySource(place: KeyPlace, fetchDocument: DocumentFetcher, refuse: RefuseKeys): KeySource {
  const { jwks, jwksFile, jwksUri, discovery } = place
  if (jwks !== undefined) {
    const keys = parseKeys(jwks, refuse)
    return { changes: false, load: async () => keys }
  }
  if (jwksFile !== undefined) {
    return { changes: true, load: async () => parseKeys(await readDocument(jwksFile, refuse), refuse) }
  }
  const fetch = fetcherFor(place, fetchDocument)
  const load = async (url: string, signal: AbortSignal) => {
    requireHttps(url, refuse)
    return parseKeys(await fetch(url, signal), refuse)
  }
  if (jwksUri !== undefined) {
    requireHttps(jwksUri, refuse)
    return { changes: true, load: (signal) => load(jwksUri, signal) }
  }
  if (discovery === undefined || !isDiscoverable(discovery.issuer)) {
    throw refuse('only an issuer that is an https URL, without user, query and fragment, has metadata')
  }
  const { issuer, places } = discovery
  return {
    changes: true,
    load: async (signal) => load(await discoverKeys(issuer, places, (url) => fetch(url, signal), refuse), signal),
  }
}

type Fetch = (url: string, signal: AbortSignal) => Promise<JsonObject>

function fetcherFor({ allowedAddresses = [], webRootsFile }: KeyPlace, fetchDocument: DocumentFetcher): Fetch {
  const addresses = new AddressPolicy(allowedAddresses)
  return async (url, signal) => {
    const webRoots = webRootsFile === undefined ? {} : { webRoots: await readFile(webRootsFile, 'utf8') }
    return fetchDocument({ url, addresses, authentication: { profile: 'https_web', ...webRoots } }, signal)
  }
}

function requireHttps(url: string, refuse: RefuseKeys): void {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'https:' || parsed.username !== '' || parsed.password !== '') {
    throw refuse('keys must come from an https URL without user name')
  }
}

async function readDocument(path: string, refuse: RefuseKeys): Promise<JsonObject> {
  let read: Awaited<ReturnType<typeof readLimited>>
  try {
    read = await readLimited(path, MAX_FILE_BYTES)
  } catch (cause) {
    throw refuse(`key file cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`, cause)
  }
  if (read.truncated) throw refuse(`key file is larger than ${MAX_FILE_BYTES} bytes`)
  try {
    return parseJsonObject(decodeUtf8(read.bytes))
  } catch (cause) {
    throw refuse('key file is no JSON object', cause)
  }
}

function parseKeys(document: unknown, refuse: RefuseKeys): readonly PublicJwk[] {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) throw refuse('keys are no JSON Web Key Set')
  if (keys.length > MAX_KEYS) throw refuse(`more than ${MAX_KEYS} keys`)
  try {
    return parseTokenKeys(keys, 'sig')
  } catch (cause) {
    throw refuse('keys are no JSON Web Key Set', cause)
  }
}
