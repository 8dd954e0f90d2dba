import type { SignatureAlgorithm } from '../keys/algorithm.ts'
import { CertificateError } from './certificate-error.ts'
import { DerReader, malformed } from './der-reader.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { decodeSmallInteger, decodeWholeBitString } from './der-values.ts'
import { checkName } from './name.ts'
import { decodeOid, Oid } from './oid.ts'
import { parseExtensions } from './parse-extensions.ts'
import { decodeRequestSignatureAlgorithm } from './request-signature-algorithm.ts'

/**
 * What a certificate signing request says. Nothing here is believed: that its sender holds the key is for
 * `verifyCertificateRequest`, and whether it may have the names for whoever knows the sender. Byte fields are views of a
 * copy of what was parsed.
 */
export interface CertificateRequest {
  /** The part that is signed, DER. */
  readonly info: Uint8Array
  /** `undefined` when this package cannot verify it. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined
  /** As PKCS #10 holds it: for ECDSA a DER SEQUENCE. */
  readonly signature: Uint8Array
  /** Distinguished name, DER; may be empty. */
  readonly subject: Uint8Array
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly requestedNames: RequestedNames
}

/** The alternative names that a request asks for, as its sender wrote them. */
export interface RequestedNames {
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** 4 or 16 bytes each. */
  readonly ipAddresses: readonly Uint8Array[]
}

/** Far more than a key of the largest kind and its names take. */
const MAX_REQUEST_BYTES = 16 * 1024

const VERSION_1 = 0
const ATTRIBUTES_TAG = constructedTag(0)

/**
 * Parses one PKCS #10 certificate signing request, strictly: shape only.
 *
 * @param der the request and nothing after it
 * @throws CertificateError `ERR_CERTIFICATE_TOO_LARGE` for more than 16 KiB
 * @throws CertificateError `ERR_CERTIFICATE_MALFORMED` when it is not DER, or not what RFC 2986 lets a request be
 * @throws CertificateError `ERR_CERTIFICATE_DUPLICATE_ATTRIBUTE`, `ERR_CERTIFICATE_DUPLICATE_EXTENSION`
 * @see RFC 2986 section 4
 */
export function parseCertificateRequest(der: Uint8Array): CertificateRequest {
  if (der.length > MAX_REQUEST_BYTES) {
    throw new CertificateError('ERR_CERTIFICATE_TOO_LARGE', `request is longer than ${MAX_REQUEST_BYTES} bytes`)
  }
  // A copy, so that a buffer used again by its owner cannot change what was checked.
  const outer = new DerReader(new Uint8Array(der))
  const request = outer.enter(DerTag.sequence)
  outer.finish()
  const info = request.expect(DerTag.sequence)
  const signatureAlgorithm = decodeRequestSignatureAlgorithm(request.expect(DerTag.sequence).raw)
  const signature = decodeWholeBitString(request.expect(DerTag.bitString).content)
  request.finish()
  return { info: info.raw, signatureAlgorithm, signature, ...parseInfo(info.open()) }
}

function parseInfo(reader: DerReader): Pick<CertificateRequest, 'subject' | 'spki' | 'requestedNames'> {
  const version = decodeSmallInteger(reader.expect(DerTag.integer).content)
  if (version !== VERSION_1) throw malformed('request is not of version 1')
  const subject = reader.expect(DerTag.sequence).raw
  checkName(subject)
  const spki = reader.expect(DerTag.sequence).raw
  const requestedNames = parseAttributes(reader.enter(ATTRIBUTES_TAG))
  reader.finish()
  return { subject, spki, requestedNames }
}

/** Other attributes, such as a challenge password, have no meaning here. */
function parseAttributes(attributes: DerReader): RequestedNames {
  const seen = new Set<string>()
  let names: RequestedNames = { uris: [], dnsNames: [], ipAddresses: [] }
  while (!attributes.isAtEnd) {
    const attribute = attributes.enter(DerTag.sequence)
    const type = decodeOid(attribute.expect(DerTag.oid).content)
    const values = attribute.enter(DerTag.set)
    attribute.finish()
    // Of two, one reader could judge the first and another issue for the second. RFC 2986 section 4.1.
    if (seen.has(type)) {
      throw new CertificateError('ERR_CERTIFICATE_DUPLICATE_ATTRIBUTE', 'request attribute appears twice', {
        detail: type,
      })
    }
    seen.add(type)
    if (values.isAtEnd) throw malformed('request attribute has no value')
    if (type === Oid.extensionRequest) names = parseRequestedExtensions(values)
    else while (!values.isAtEnd) values.next()
  }
  return names
}

/** RFC 2985 section 5.4.2: exactly one list of extensions. */
function parseRequestedExtensions(values: DerReader): RequestedNames {
  const extensions = parseExtensions(values.enter(DerTag.sequence))
  values.finish()
  return { uris: extensions.uriSans, dnsNames: extensions.dnsSans, ipAddresses: extensions.ipSans }
}
