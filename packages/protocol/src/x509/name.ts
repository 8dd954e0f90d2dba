import { encodeUtf8 } from '../encoding/text.ts'
import { CertificateError } from './certificate-error.ts'
import { DerReader, malformed } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { decodeOid, encodeOid, Oid } from './oid.ts'

/** The parts of a distinguished name that this package writes. */
export interface NameAttributes {
  readonly organization?: string
  readonly commonName?: string
  /** X.520 serialNumber: a number of the named thing, not of the certificate. Letters, digits and ` '()+,-./:=?`. */
  readonly serialNumber?: string
}

/** RFC 5280 appendix A.1: upper bounds, in characters. */
const MAX_CHARACTERS = 64
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]+$/
/** Control characters, and halves of a surrogate pair, which UTF-8 cannot say. */
const UNUSABLE = /[\p{Cc}\p{Cs}]/u

/**
 * Encodes a distinguished name: organization, common name, serial number, one attribute in each RDN.
 *
 * @throws CertificateError `ERR_CERTIFICATE_SUBJECT` when an attribute is empty, longer than 64 characters, or has
 *   characters its type does not allow
 * @see RFC 5280 sections 4.1.2.4 and 4.1.2.6
 */
export function encodeName(attributes: NameAttributes): Uint8Array {
  const { organization, commonName, serialNumber } = attributes
  const rdns: Uint8Array[] = []
  if (organization !== undefined) rdns.push(encodeRdn(Oid.organization, DerTag.utf8String, organization))
  if (commonName !== undefined) rdns.push(encodeRdn(Oid.commonName, DerTag.utf8String, commonName))
  if (serialNumber !== undefined) {
    if (!PRINTABLE.test(serialNumber)) throw invalid('serial number attribute is not a printable string')
    rdns.push(encodeRdn(Oid.serialNumber, DerTag.printableString, serialNumber))
  }
  return encodeElement(DerTag.sequence, ...rdns)
}

/**
 * Checks the shape of an encoded distinguished name. Names are compared as bytes, so their values are not read.
 *
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED`
 */
export function checkName(name: Uint8Array): void {
  const outer = new DerReader(name)
  const rdns = outer.enter(DerTag.sequence)
  outer.finish()
  while (!rdns.isAtEnd) {
    const rdn = rdns.enter(DerTag.set)
    if (rdn.isAtEnd) throw malformed('relative distinguished name is empty')
    while (!rdn.isAtEnd) {
      const attribute = rdn.enter(DerTag.sequence)
      decodeOid(attribute.expect(DerTag.oid).content)
      attribute.next()
      attribute.finish()
    }
  }
}

/** True for a name of no attributes, whose encoding is just an empty SEQUENCE. */
export function isEmptyName(name: Uint8Array): boolean {
  return name.length === 2
}

function encodeRdn(oid: string, tag: number, text: string): Uint8Array {
  if (text === '' || [...text].length > MAX_CHARACTERS || UNUSABLE.test(text)) {
    throw invalid(`name attribute is empty, longer than ${MAX_CHARACTERS} characters or has control characters`)
  }
  const attribute = encodeElement(DerTag.sequence, encodeOid(oid), encodeElement(tag, encodeUtf8(text)))
  return encodeElement(DerTag.set, attribute)
}

function invalid(message: string): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_SUBJECT', message)
}
