import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { decodeEcdsaSignature, encodeEcdsaSignature } from '../keys/ecdsa-signature.ts'
import { bytesEqual } from './bytes.ts'
import { CertificateError } from './certificate-error.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { encodeOid, Oid } from './oid.ts'

const NULL = encodeElement(DerTag.null)

/** RFC 5758 section 3.2 and RFC 8410 section 3: no parameters. RFC 4055 section 5: NULL parameters. */
const IDENTIFIERS: ReadonlyMap<SignatureAlgorithm, Uint8Array> = new Map<SignatureAlgorithm, Uint8Array>([
  ['ES256', algorithmIdentifier(Oid.ecdsaWithSha256)],
  ['ES384', algorithmIdentifier(Oid.ecdsaWithSha384)],
  ['ES512', algorithmIdentifier(Oid.ecdsaWithSha512)],
  ['EdDSA', algorithmIdentifier(Oid.ed25519)],
  ['Ed25519', algorithmIdentifier(Oid.ed25519)],
  ['RS256', algorithmIdentifier(Oid.sha256WithRsa, NULL)],
  ['RS384', algorithmIdentifier(Oid.sha384WithRsa, NULL)],
  ['RS512', algorithmIdentifier(Oid.sha512WithRsa, NULL)],
])

const COORDINATE_BYTES: ReadonlyMap<SignatureAlgorithm, number> = new Map([
  ['ES256', 32],
  ['ES384', 48],
  ['ES512', 66],
])

/**
 * The AlgorithmIdentifier of a signature made with this algorithm, encoded.
 *
 * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM` for RSASSA-PSS: its parameters can say anything, many TLS
 *   stacks refuse it in certificates, and RS256 does the same job there
 */
export function encodeSignatureAlgorithm(alg: SignatureAlgorithm): Uint8Array {
  const identifier = IDENTIFIERS.get(alg)
  if (identifier === undefined) {
    throw new CertificateError('ERR_CERTIFICATE_ALGORITHM', `certificates cannot be signed with ${alg}`)
  }
  return identifier
}

/** The algorithm of an encoded AlgorithmIdentifier, `undefined` for one that is not supported or oddly encoded. */
export function decodeSignatureAlgorithm(identifier: Uint8Array): SignatureAlgorithm | undefined {
  for (const [alg, encoded] of IDENTIFIERS) if (bytesEqual(encoded, identifier)) return alg
  return undefined
}

/** A key's signature in the form X.509 holds it. */
export function encodeSignature(alg: SignatureAlgorithm, signature: Uint8Array): Uint8Array {
  return COORDINATE_BYTES.has(alg) ? encodeEcdsaSignature(signature) : signature
}

/**
 * A certificate's signature in the form a verification key takes.
 *
 * @returns `undefined` when it cannot be a signature of that algorithm
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED`
 */
export function decodeSignature(alg: SignatureAlgorithm, signature: Uint8Array): Uint8Array | undefined {
  const coordinateBytes = COORDINATE_BYTES.get(alg)
  return coordinateBytes === undefined ? signature : decodeEcdsaSignature(signature, coordinateBytes)
}

function algorithmIdentifier(oid: string, ...parameters: readonly Uint8Array[]): Uint8Array {
  return encodeElement(DerTag.sequence, encodeOid(oid), ...parameters)
}
