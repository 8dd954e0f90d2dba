import { decodeBase64, encodeBase64 } from '../encoding/base64.ts'
import { EncodingError } from '../encoding/encoding-error.ts'
import { parseTrustDomain } from '../identifier/trust-domain.ts'
import { KeyError } from '../keys/key-error.ts'
import { type PublicJwk, parsePublicJwk } from '../keys/public-jwk.ts'
import { BundleError } from './bundle-error.ts'

/** The keys of one trust domain. The document does not name the domain: whoever configured its source does. */
export interface SpiffeBundle {
  readonly trustDomain: string
  /** DER certificates. */
  readonly x509Authorities: readonly Uint8Array[]
  readonly jwtAuthorities: readonly PublicJwk[]
  readonly witAuthorities: readonly PublicJwk[]
  /** `spiffe_sequence`: grows with every change of content. */
  readonly sequence?: number
  /** `spiffe_refresh_hint`, seconds. */
  readonly refreshHintSeconds?: number
}

const MAX_KEYS = 1024

const KEY_TYPES: ReadonlySet<unknown> = new Set(['EC', 'OKP', 'RSA'])

/**
 * Reads a SPIFFE bundle document. Entries of an unknown key type or use are left out, as the standard asks; an empty
 * key list is valid and means that everything was withdrawn.
 *
 * @param trustDomain from configuration, never from the document's source
 * @param document parsed JSON
 * @throws BundleError `ERR_BUNDLE_MALFORMED` when `keys` is missing or the document's own members are ill-typed
 * @throws BundleError `ERR_BUNDLE_TOO_LARGE` for more than 1024 keys
 * @throws BundleError `ERR_BUNDLE_DUPLICATE_KEY_ID` when two token keys share a `kid`
 * @see SPIFFE Trust Domain and Bundle, section 4; WIT-SVID section 6
 */
export function parseSpiffeBundle(trustDomain: string, document: unknown): SpiffeBundle {
  parseTrustDomain(trustDomain)
  if (!isObject(document) || !Array.isArray(document['keys'])) {
    throw new BundleError('ERR_BUNDLE_MALFORMED', 'bundle has no list of keys')
  }
  const keys: readonly unknown[] = document['keys']
  if (keys.length > MAX_KEYS) throw new BundleError('ERR_BUNDLE_TOO_LARGE', `bundle has more than ${MAX_KEYS} keys`)
  const x509Authorities: Uint8Array[] = []
  const jwtAuthorities: PublicJwk[] = []
  const witAuthorities: PublicJwk[] = []
  for (const key of keys) {
    if (!isObject(key)) throw new BundleError('ERR_BUNDLE_MALFORMED', 'bundle key is not an object')
    switch (key['use']) {
      case 'x509-svid':
        pushIfPresent(x509Authorities, readCertificate(key))
        break
      case 'jwt-svid':
        pushIfPresent(jwtAuthorities, readTokenKey(key))
        break
      case 'wit-svid':
        pushIfPresent(witAuthorities, readTokenKey(key))
        break
    }
  }
  rejectDuplicateKeyIds([...jwtAuthorities, ...witAuthorities])
  const sequence = readSequence(document)
  const refreshHintSeconds = readInteger(document, 'spiffe_refresh_hint')
  return {
    trustDomain,
    x509Authorities,
    jwtAuthorities,
    witAuthorities,
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHintSeconds === undefined ? {} : { refreshHintSeconds }),
  }
}

/** The JSON document of a bundle: what {@link parseSpiffeBundle} reads back. */
export interface SpiffeBundleDocument {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
  readonly spiffe_sequence?: number
  readonly spiffe_refresh_hint?: number
}

/**
 * Writes a bundle as the standard's JSON document.
 *
 * @param certificateKey gives the public key of a DER certificate as a JWK; `kty` and the key's members are required
 *   beside `x5c`
 */
export function formatSpiffeBundle(
  bundle: SpiffeBundle,
  certificateKey: (certificate: Uint8Array) => PublicJwk,
): SpiffeBundleDocument {
  return {
    keys: [
      ...bundle.x509Authorities.map((certificate) => {
        // Section 4.2.2: an x509-svid key has no `kid`.
        const { kid: _, alg: __, ...key } = certificateKey(certificate)
        return { use: 'x509-svid', ...key, x5c: [encodeBase64(certificate)] }
      }),
      ...bundle.jwtAuthorities.map((key) => ({ ...key, use: 'jwt-svid' })),
      ...bundle.witAuthorities.map((key) => ({ ...key, use: 'wit-svid' })),
    ],
    ...(bundle.sequence === undefined ? {} : { spiffe_sequence: bundle.sequence }),
    ...(bundle.refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: bundle.refreshHintSeconds }),
  }
}

/** Only the first value of `x5c` counts; an entry without one, or of an unknown key type, is ignored. Section 4.2. */
function readCertificate(key: Readonly<Record<string, unknown>>): Uint8Array | undefined {
  const [certificate] = Array.isArray(key['x5c']) ? key['x5c'] : []
  if (typeof certificate !== 'string' || certificate === '') return undefined
  if (!KEY_TYPES.has(key['kty'])) return undefined
  try {
    return decodeBase64(certificate)
  } catch (error) {
    if (error instanceof EncodingError) return undefined
    throw error
  }
}

/** A token key without a name, or of a kind that is not supported, is left out. Section 4.2. */
function readTokenKey(key: Readonly<Record<string, unknown>>): PublicJwk | undefined {
  try {
    // `use` has told what the key is for; kept, it would read as RFC 7517's.
    const { use: _, ...jwk } = parsePublicJwk(key)
    return jwk.kid === undefined ? undefined : jwk
  } catch (error) {
    if (error instanceof KeyError) return undefined
    throw error
  }
}

function rejectDuplicateKeyIds(keys: readonly PublicJwk[]): void {
  const seen = new Set<string | undefined>()
  for (const { kid } of keys) {
    if (seen.has(kid)) throw new BundleError('ERR_BUNDLE_DUPLICATE_KEY_ID', 'bundle has two token keys of one kid')
    seen.add(kid)
  }
}

/**
 * A sequence too large to be told from its neighbours counts as none: the standard sets no upper end, and refusing the
 * bundle for it would cut off the domain.
 */
function readSequence(document: Readonly<Record<string, unknown>>): number | undefined {
  const value = document['spiffe_sequence']
  if (typeof value === 'number' && Number.isInteger(value) && value > Number.MAX_SAFE_INTEGER) return undefined
  return readInteger(document, 'spiffe_sequence')
}

function readInteger(document: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = document[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new BundleError('ERR_BUNDLE_MALFORMED', `bundle member "${name}" is not a whole number`)
  }
  return value
}

function pushIfPresent<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
