import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { bytesEqual } from './bytes.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { encodeOid, Oid } from './oid.ts'
import { decodeSignatureAlgorithm } from './signature-algorithm.ts'

const NULL = encodeElement(DerTag.null)
const ABSENT = new Uint8Array()

/**
 * RSASSA-PSS with the one hash for message and mask, and a salt as long as the hash: what RFC 7518 calls PS256 and so on.
 * RFC 4055 section 2.1 has readers take hash identifiers with NULL parameters and with none.
 */
const PSS_IDENTIFIERS: readonly (readonly [SignatureAlgorithm, Uint8Array])[] = [
  ...pssIdentifiers('PS256', Oid.sha256, 32),
  ...pssIdentifiers('PS384', Oid.sha384, 48),
  ...pssIdentifiers('PS512', Oid.sha512, 64),
]

/**
 * The algorithm of a request's encoded AlgorithmIdentifier, `undefined` for one that is not supported. A request may use
 * RSASSA-PSS, which certificates here do not: its signature proves possession once and is then thrown away.
 *
 * @see RFC 4055 section 3.1
 */
export function decodeRequestSignatureAlgorithm(identifier: Uint8Array): SignatureAlgorithm | undefined {
  const alg = decodeSignatureAlgorithm(identifier)
  if (alg !== undefined) return alg
  return PSS_IDENTIFIERS.find(([, encoded]) => bytesEqual(encoded, identifier))?.[0]
}

function pssIdentifiers(alg: SignatureAlgorithm, hash: string, saltBytes: number): [SignatureAlgorithm, Uint8Array][] {
  const sequence = (...parts: readonly Uint8Array[]) => encodeElement(DerTag.sequence, ...parts)
  const forms = [sequence(encodeOid(hash), NULL), sequence(encodeOid(hash), ABSENT)]
  return forms.flatMap((messageHash) =>
    forms.map((maskHash): [SignatureAlgorithm, Uint8Array] => [
      alg,
      sequence(
        encodeOid(Oid.rsassaPss),
        sequence(
          encodeElement(constructedTag(0), messageHash),
          encodeElement(constructedTag(1), sequence(encodeOid(Oid.mgf1), maskHash)),
          encodeElement(constructedTag(2), encodeElement(DerTag.integer, Uint8Array.of(saltBytes))),
        ),
      ),
    ]),
  )
}
