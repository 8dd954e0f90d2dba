import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { bytesEqual } from './bytes.ts'
import { CertificateError } from './certificate-error.ts'
import { decodeTime } from './certificate-time.ts'
import { DerReader, MAX_DER_BYTES, malformed } from './der-reader.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { decodeSmallInteger, decodeUnsigned, decodeWholeBitString } from './der-values.ts'
import { EXTENSIONS_TAG } from './encode-extensions.ts'
import { checkName, isEmptyName } from './name.ts'
import { type CertificateExtensions, parseExtensions } from './parse-extensions.ts'
import { decodeSignatureAlgorithm } from './signature-algorithm.ts'

/** What a certificate says. Nothing here is believed yet: that is `verifyX509Svid`. Byte fields are views of `raw`. */
export interface Certificate extends CertificateExtensions {
  /** The whole certificate, DER: a copy of what was parsed. */
  readonly raw: Uint8Array
  /** The part that is signed, DER. */
  readonly tbs: Uint8Array
  /** Unsigned, big-endian, 1 to 20 bytes. */
  readonly serial: Uint8Array
  /** `undefined` when this package cannot verify it. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  /** As X.509 holds it: for ECDSA a DER SEQUENCE. */
  readonly signature: Uint8Array
  /** Distinguished names, DER. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Epoch seconds, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
}

const VERSION_TAG = constructedTag(0)
const VERSION_3 = 2
const MAX_SERIAL_BYTES = 20

/**
 * Parses one X.509 version 3 certificate, strictly.
 *
 * @param der the certificate and nothing after it
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` for more than 64 KiB
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED` when it is not DER, or not what RFC 5280 lets a certificate be
 * @throws CertificateError `ERR_CERTIFICATE_DUPLICATE_EXTENSION`
 * @see RFC 5280 section 4.1
 */
export function parseCertificate(der: Uint8Array): Certificate {
  // Before the copy below, which the reader's own limit would come too late for.
  if (der.length > MAX_DER_BYTES) {
    throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `certificate is longer than ${MAX_DER_BYTES} bytes`)
  }
  // A copy, so that a buffer used again by its owner cannot change what was checked.
  const raw = new Uint8Array(der)
  const outer = new DerReader(raw)
  const certificate = outer.enter(DerTag.sequence)
  outer.finish()
  const tbs = certificate.expect(DerTag.sequence)
  const algorithm = certificate.expect(DerTag.sequence).raw
  const signature = decodeWholeBitString(certificate.expect(DerTag.bitString).content)
  certificate.finish()
  return { raw, tbs: tbs.raw, signature, ...parseTbs(tbs.open(), algorithm) }
}

function parseTbs(reader: DerReader, outerAlgorithm: Uint8Array): Omit<Certificate, 'raw' | 'tbs' | 'signature'> {
  parseVersion(reader)
  const serial = parseSerial(reader.expect(DerTag.integer).content)
  const algorithm = reader.expect(DerTag.sequence).raw
  // Only the inner one is signed. RFC 5280 section 4.1.1.2.
  if (!bytesEqual(algorithm, outerAlgorithm)) throw malformed('signature algorithms differ')
  const issuer = reader.expect(DerTag.sequence).raw
  checkName(issuer)
  if (isEmptyName(issuer)) throw malformed('issuer is empty')
  const validity = reader.enter(DerTag.sequence)
  const notBefore = decodeTime(validity.next())
  const notAfter = decodeTime(validity.next())
  validity.finish()
  const subject = reader.expect(DerTag.sequence).raw
  checkName(subject)
  const spki = reader.expect(DerTag.sequence).raw
  const extensions = parseExtensionsField(reader)
  reader.finish()
  const signatureAlgorithm = decodeSignatureAlgorithm(algorithm)
  return { serial, signatureAlgorithm, issuer, subject, notBefore, notAfter, spki, ...extensions }
}

function parseVersion(reader: DerReader): void {
  const version = reader.enter(VERSION_TAG)
  if (decodeSmallInteger(version.expect(DerTag.integer).content) !== VERSION_3) throw malformed('version is not 3')
  version.finish()
}

/** @throws CertificateError `ERR_CERTIFICATE_MALFORMED` */
export function parseSerial(content: Uint8Array): Uint8Array {
  const serial = decodeUnsigned(content)
  if (serial.length > MAX_SERIAL_BYTES) throw malformed('serial number is too long')
  if (serial.every((byte) => byte === 0)) throw malformed('serial number is zero')
  return serial
}

function parseExtensionsField(reader: DerReader): CertificateExtensions {
  if (reader.isAtEnd) return parseExtensions(undefined)
  const field = reader.enter(EXTENSIONS_TAG)
  const extensions = parseExtensions(field.enter(DerTag.sequence))
  field.finish()
  return extensions
}
