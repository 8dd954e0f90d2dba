import { type Eventual, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import { ByteArena } from './byte-arena.ts'
import { DerTag } from './der-tag.ts'
import { DerWriter, derSize } from './der-writer.ts'
import { EXTENSIONS_TAG } from './encode-extensions.ts'
import { encodeSignature, encodeSignatureAlgorithm } from './signature-algorithm.ts'

/** The fields of a certificate, each already DER. */
export interface CertificateFields {
  readonly serial: Uint8Array
  readonly issuer: Uint8Array
  readonly notBefore: Uint8Array
  readonly notAfter: Uint8Array
  readonly subject: Uint8Array
  readonly spki: Uint8Array
  /** Each is one Extension, or several that were joined beforehand. */
  readonly extensions: readonly Uint8Array[]
}

/** `[0] INTEGER 2`: version 3. */
const VERSION_3 = Uint8Array.of(0xa0, 0x03, 0x02, 0x01, 0x02)

/**
 * Assembles and signs a certificate. Judges nothing: what may be issued is decided by the callers.
 *
 * @param arena where the part that is signed is written, for whoever issues many
 * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM`
 * @see RFC 5280 section 4.1
 */
export function signCertificate(
  key: SigningKey,
  fields: CertificateFields,
  arena = new ByteArena(),
): Eventual<Uint8Array> {
  return signTbs(key, encodeTbs(encodeSignatureAlgorithm(key.alg), fields, arena))
}

/**
 * Signs what is to be signed of a certificate or a revocation list, and puts both together.
 *
 * @throws CertificateError `ERR_CERTIFICATE_ALGORITHM`
 */
export function signTbs(key: SigningKey, tbs: Uint8Array): Eventual<Uint8Array> {
  const algorithm = encodeSignatureAlgorithm(key.alg)
  return key.signDer === undefined
    ? whenReady(key.sign(tbs), (signature) => seal(tbs, algorithm, encodeSignature(key.alg, signature)))
    : whenReady(key.signDer(tbs), (signature) => seal(tbs, algorithm, signature))
}

function encodeTbs(algorithm: Uint8Array, fields: CertificateFields, arena: ByteArena): Uint8Array {
  const { serial, issuer, notBefore, notAfter, subject, spki, extensions } = fields
  const validityLength = notBefore.length + notAfter.length
  let extensionsLength = 0
  for (const extension of extensions) extensionsLength += extension.length
  const listSize = derSize(extensionsLength)
  const length =
    VERSION_3.length +
    serial.length +
    algorithm.length +
    issuer.length +
    derSize(validityLength) +
    subject.length +
    spki.length +
    derSize(listSize)
  const writer = new DerWriter(arena.take(derSize(length)))
    .header(DerTag.sequence, length)
    .put(VERSION_3)
    .put(serial)
    .put(algorithm)
    .put(issuer)
    .header(DerTag.sequence, validityLength)
    .put(notBefore)
    .put(notAfter)
    .put(subject)
    .put(spki)
    .header(EXTENSIONS_TAG, listSize)
    .header(DerTag.sequence, extensionsLength)
  for (const extension of extensions) writer.put(extension)
  return writer.finish()
}

function seal(tbs: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  const bitsLength = 1 + signature.length
  const length = tbs.length + algorithm.length + derSize(bitsLength)
  return new DerWriter(derSize(length))
    .header(DerTag.sequence, length)
    .put(tbs)
    .put(algorithm)
    .header(DerTag.bitString, bitsLength)
    .byte(0)
    .put(signature)
    .finish()
}
