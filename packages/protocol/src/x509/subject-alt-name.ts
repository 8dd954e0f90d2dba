import { DerTag } from './der-tag.ts'
import { DerWriter, derSize } from './der-writer.ts'
import { DNS_TAG, IP_TAG, URI_TAG } from './general-name.ts'
import { encodeOid, Oid } from './oid.ts'

/** The texts are ASCII: identifiers and host names that were validated. */
export interface AlternativeNames {
  readonly uris?: readonly string[]
  readonly dnsNames?: readonly string[]
  /** 4 or 16 bytes each. */
  readonly ipAddresses?: readonly Uint8Array[]
}

const OID = encodeOid(Oid.subjectAltName)

/**
 * Encodes the whole extension. Written in one piece because it is the only one that differs between leaf certificates.
 *
 * Not critical: every certificate made here has a subject.
 *
 * @see RFC 5280 section 4.2.1.6
 */
export function subjectAltName({ uris = [], dnsNames = [], ipAddresses = [] }: AlternativeNames): Uint8Array {
  let length = 0
  for (const uri of uris) length += derSize(uri.length)
  for (const name of dnsNames) length += derSize(name.length)
  for (const address of ipAddresses) length += derSize(address.length)
  const valueLength = derSize(length)
  const extensionLength = OID.length + derSize(valueLength)
  const writer = new DerWriter(derSize(extensionLength))
    .header(DerTag.sequence, extensionLength)
    .put(OID)
    .header(DerTag.octetString, valueLength)
    .header(DerTag.sequence, length)
  for (const uri of uris) writer.header(URI_TAG, uri.length).ascii(uri)
  for (const name of dnsNames) writer.header(DNS_TAG, name.length).ascii(name)
  for (const address of ipAddresses) writer.header(IP_TAG, address.length).put(address)
  return writer.finish()
}
