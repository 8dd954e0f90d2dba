import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { type Eventual, whenReady } from '../keys/crypto-backend.ts'
import { bytesEqual } from './bytes.ts'
import { parseSerial } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { decodeTime } from './certificate-time.ts'
import { DerReader, malformed } from './der-reader.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { decodeSmallInteger, decodeUnsigned, decodeWholeBitString } from './der-values.ts'
import { checkName, isEmptyName } from './name.ts'
import { Oid } from './oid.ts'
import { type Extension, readAuthorityKeyIdentifier, readExtensions } from './parse-extensions.ts'
import { decodeSignatureAlgorithm } from './signature-algorithm.ts'
import type { Signer } from './signer.ts'
import type { X509Anchors } from './x509-anchors.ts'

/** What a certificate revocation list says. Nothing here is believed yet: that is `verifyCrl`. */
export interface Crl {
  /** The part that is signed, DER. */
  readonly tbs: Uint8Array
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  /** As X.509 holds it: for ECDSA a DER SEQUENCE. */
  readonly signature: Uint8Array
  /** Distinguished name, DER. */
  readonly issuer: Uint8Array
  /** Epoch seconds. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** Unsigned, big-endian. */
  readonly number: Uint8Array
  readonly authorityKeyId: Uint8Array
  /** Serial numbers, unsigned, big-endian. */
  readonly revoked: readonly Uint8Array[]
}

/** About 20 000 serial numbers. With the rest of a message it stays below what gRPC clients take, 4 MiB. */
export const MAX_CRL_BYTES = 1024 * 1024
/** The `[0]` field that holds a list's extensions. */
export const CRL_EXTENSIONS_TAG = constructedTag(0)
const VERSION_2 = 1
const MAX_NUMBER_BYTES = 20

/**
 * Parses one certificate revocation list, version 2, strictly. Only a complete list of the issuer's own certificates is
 * taken: delta lists, indirect ones and those for some reasons only say so in critical extensions, which are refused.
 *
 * @param der the list and nothing after it
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` for more than 1 MiB
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED` when it is not DER, or not what RFC 5280 lets a list be
 * @throws CertificateError `ERR_CERTIFICATE_CRITICAL_EXTENSION`, `ERR_CERTIFICATE_DUPLICATE_EXTENSION`
 * @see RFC 5280 section 5.1
 */
export function parseCrl(der: Uint8Array): Crl {
  // Before the copy below, which the reader's own limit would come too late for.
  if (der.length > MAX_CRL_BYTES) {
    throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `revocation list is longer than ${MAX_CRL_BYTES} bytes`)
  }
  const raw = new Uint8Array(der)
  const outer = new DerReader(raw, 0, 0, raw.length, MAX_CRL_BYTES)
  const list = outer.enter(DerTag.sequence)
  outer.finish()
  const tbs = list.expect(DerTag.sequence)
  const algorithm = list.expect(DerTag.sequence).raw
  const signature = decodeWholeBitString(list.expect(DerTag.bitString).content)
  list.finish()
  return { tbs: tbs.raw, signature, ...parseTbs(tbs.open(), algorithm) }
}

/**
 * Parses a list and finds the authority that signed it. When it was issued, and how old it is, plays no part: what an
 * authority has revoked stays revoked.
 *
 * @returns the list, and the one of the anchors whose key signed it
 * @throws CertificateError as `parseCrl`
 * @throws CertificateError `ERR_CERTIFICATE_UNTRUSTED` when none of the anchors is its issuer
 * @throws CertificateError `ERR_CERTIFICATE_KEY_USAGE` when the issuer may not sign revocation lists
 * @throws CertificateError `ERR_CERTIFICATE_SIGNATURE`, `ERR_CERTIFICATE_ALGORITHM`, `ERR_CERTIFICATE_KEY`
 * @see RFC 5280 section 6.3.3 (f) and (g)
 */
export function verifyCrl(der: Uint8Array, anchors: X509Anchors): Eventual<{ crl: Crl; signer: Signer }> {
  const crl = parseCrl(der)
  // By name and key: authorities of one trust domain may share a name.
  const signer = anchors.signers.find(
    ({ certificate: { subject, subjectKeyId } }) =>
      bytesEqual(subject, crl.issuer) && subjectKeyId !== undefined && bytesEqual(subjectKeyId, crl.authorityKeyId),
  )
  if (signer === undefined) {
    throw new CertificateError('ERR_CERTIFICATE_UNTRUSTED', 'revocation list is of no authority of the trust domain')
  }
  if (signer.certificate.keyUsage?.has('cRLSign') !== true) {
    throw new CertificateError('ERR_CERTIFICATE_KEY_USAGE', 'issuer key may not sign revocation lists')
  }
  return whenReady(signer.hasSigned(crl), (isSigned) => {
    // Only `true` is a yes.
    if (isSigned === true) return { crl, signer }
    throw new CertificateError('ERR_CERTIFICATE_SIGNATURE', 'signature was not made by the issuer key')
  })
}

function parseTbs(reader: DerReader, outerAlgorithm: Uint8Array): Omit<Crl, 'tbs' | 'signature'> {
  if (decodeSmallInteger(reader.expect(DerTag.integer).content) !== VERSION_2) throw malformed('version is not 2')
  const algorithm = reader.expect(DerTag.sequence).raw
  // Only the inner one is signed. RFC 5280 section 5.1.1.2.
  if (!bytesEqual(algorithm, outerAlgorithm)) throw malformed('signature algorithms differ')
  const issuer = reader.expect(DerTag.sequence).raw
  checkName(issuer)
  if (isEmptyName(issuer)) throw malformed('issuer is empty')
  const thisUpdate = decodeTime(reader.next())
  const nextUpdate = decodeTime(reader.next())
  if (nextUpdate < thisUpdate) throw malformed('list would end before it begins')
  const revoked = reader.peekTag() === DerTag.sequence ? parseRevoked(reader.enter(DerTag.sequence)) : []
  const field = reader.enter(CRL_EXTENSIONS_TAG)
  const extensions = parseListExtensions(readExtensions(field.enter(DerTag.sequence)))
  field.finish()
  reader.finish()
  return {
    signatureAlgorithm: decodeSignatureAlgorithm(algorithm),
    ...{ issuer, thisUpdate, nextUpdate, revoked },
    ...extensions,
  }
}

function parseRevoked(list: DerReader): readonly Uint8Array[] {
  if (list.isAtEnd) throw malformed('list of revoked certificates is empty')
  const serials: Uint8Array[] = []
  while (!list.isAtEnd) {
    const item = list.enter(DerTag.sequence)
    serials.push(parseSerial(item.expect(DerTag.integer).content))
    decodeTime(item.next())
    if (!item.isAtEnd) rejectUnknownCritical(readExtensions(item.enter(DerTag.sequence)), [Oid.crlReason])
    item.finish()
  }
  return serials
}

/** RFC 5280 sections 5.2.1 and 5.2.3: every list has both. */
function parseListExtensions(extensions: ReadonlyMap<string, Extension>): Pick<Crl, 'number' | 'authorityKeyId'> {
  rejectUnknownCritical(extensions, [Oid.crlNumber, Oid.authorityKeyIdentifier])
  const open = (oid: string) => {
    const extension = extensions.get(oid)
    if (extension === undefined) throw malformed('list has no number or no key identifier')
    return new DerReader(extension.value)
  }
  const keyReader = open(Oid.authorityKeyIdentifier)
  const authorityKeyId = readAuthorityKeyIdentifier(keyReader)
  keyReader.finish()
  if (authorityKeyId === undefined) throw malformed('list has no number or no key identifier')
  const numberReader = open(Oid.crlNumber)
  const number = decodeUnsigned(numberReader.expect(DerTag.integer).content)
  numberReader.finish()
  if (number.length > MAX_NUMBER_BYTES) throw malformed('list number is too long')
  return { number, authorityKeyId }
}

/** RFC 5280 sections 5.2 and 5.3: a list with one must not be used at all. */
function rejectUnknownCritical(extensions: ReadonlyMap<string, Extension>, known: readonly string[]): void {
  const unknown = [...extensions].filter(([oid, { isCritical }]) => isCritical && !known.includes(oid))
  if (unknown.length === 0) return
  throw new CertificateError(
    'ERR_CERTIFICATE_CRITICAL_EXTENSION',
    'revocation list has an unknown critical extension',
    {
      detail: unknown.map(([oid]) => oid).join(' '),
    },
  )
}
