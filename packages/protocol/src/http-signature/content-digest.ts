import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import type { MessageFields } from './message-fields.ts'
import { parseDictionary, type ReadingAids } from './parse-structured-field.ts'
import { serializeBytes } from './serialize-structured-field.ts'
import { SignatureError } from './signature-error.ts'

export const CONTENT_DIGEST = 'content-digest'

/** Secure and registered as "active". RFC 9530 section 7.2. */
const ALGORITHMS = ['sha-256', 'sha-512'] as const
export type DigestAlgorithm = (typeof ALGORITHMS)[number]

const NO_BODY = new Uint8Array(0)

export function hasBody(message: { readonly body?: Uint8Array | undefined }): boolean {
  return message.body !== undefined && message.body.length > 0
}

/**
 * The value of a `Content-Digest` field for some content.
 *
 * @throws TypeError when the backend does not know the algorithm
 */
export function formatContentDigest(
  body: Uint8Array,
  algorithm: DigestAlgorithm,
  crypto: CryptoBackend,
): Eventual<string> {
  if (!supports(crypto, algorithm)) throw new TypeError(`the crypto backend cannot hash with ${algorithm}`)
  if (crypto.digestBase64 !== undefined) {
    return whenReady(crypto.digestBase64(algorithm, body), (digest) => `${algorithm}=:${digest}:`)
  }
  return whenReady(hash(crypto, algorithm, body), (digest) => `${algorithm}=${serializeBytes(digest, crypto.codec)}`)
}

/**
 * Holds the content of a message against its `Content-Digest`: every digest of a known algorithm must be right, and there
 * must be one. A message without the field is none of this function's business.
 *
 * @throws SignatureError `ERR_SIGNATURE_DIGEST_ALGORITHM`, `ERR_SIGNATURE_DIGEST_MISMATCH`, `ERR_SIGNATURE_MALFORMED`
 * @see RFC 9530 section 2; content that is empty has a digest too (appendix B.2)
 */
export function verifyContentDigest(
  fields: MessageFields,
  body: Uint8Array | undefined,
  crypto: CryptoBackend,
  aids?: ReadingAids,
): Eventual<void> {
  const field = fields.combined(CONTENT_DIGEST)
  if (field === undefined) return
  const first = ALGORITHMS.find((algorithm) => field.startsWith(algorithm) && supports(crypto, algorithm))
  if (first === undefined) return verifyDigests(field, body, crypto, aids)
  // Nearly every field is the one right digest and nothing else, and then there is nothing to parse.
  return whenReady(formatContentDigest(body ?? NO_BODY, first, crypto), (usual) =>
    field === usual ? undefined : verifyDigests(field, body, crypto, aids),
  )
}

function verifyDigests(
  field: string,
  body: Uint8Array | undefined,
  crypto: CryptoBackend,
  aids: ReadingAids | undefined,
): Eventual<void> {
  const digests = parseDictionary(field, CONTENT_DIGEST, aids)
  const known = ALGORITHMS.filter((algorithm) => digests.has(algorithm) && supports(crypto, algorithm))
  if (known.length === 0) {
    throw new SignatureError('ERR_SIGNATURE_DIGEST_ALGORITHM', 'content digest has no algorithm that is supported', {
      detail: [...digests.keys()].join(' ').slice(0, 200),
    })
  }
  return known.reduce<Eventual<void>>(
    (earlier, algorithm) =>
      whenReady(earlier, () => {
        const member = digests.get(algorithm)
        if (member?.kind !== 'item' || member.bare.type !== 'bytes') {
          throw new SignatureError('ERR_SIGNATURE_MALFORMED', 'content digest is not a byte sequence')
        }
        const claimed = member.bare.value
        return whenReady(hash(crypto, algorithm, body ?? NO_BODY), (digest) => {
          if (!equalBytes(digest, claimed)) {
            throw new SignatureError('ERR_SIGNATURE_DIGEST_MISMATCH', 'content is not what was signed', {
              detail: algorithm,
            })
          }
        })
      }),
    undefined,
  )
}

/** In no constant time: digests of content are no secret. */
function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}

function supports(crypto: CryptoBackend, algorithm: DigestAlgorithm): boolean {
  return algorithm === 'sha-256' || crypto.digest !== undefined
}

function hash(crypto: CryptoBackend, algorithm: DigestAlgorithm, body: Uint8Array): Eventual<Uint8Array> {
  return crypto.digest === undefined ? crypto.sha256(body) : crypto.digest(algorithm, body)
}
