import { constructedTag, DerTag, primitiveTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { encodeKeyUsage, type KeyUsage } from './key-usage.ts'
import { encodeOid, Oid } from './oid.ts'

const TRUE = encodeElement(DerTag.boolean, Uint8Array.of(0xff))
const NOTHING = new Uint8Array()

const OIDS = {
  subjectKeyIdentifier: encodeOid(Oid.subjectKeyIdentifier),
  keyUsage: encodeOid(Oid.keyUsage),
  basicConstraints: encodeOid(Oid.basicConstraints),
  authorityKeyIdentifier: encodeOid(Oid.authorityKeyIdentifier),
  crlNumber: encodeOid(Oid.crlNumber),
  crlReason: encodeOid(Oid.crlReason),
  extendedKeyUsage: encodeOid(Oid.extendedKeyUsage),
}

/** One Extension. `isCritical` false is left out, as DER asks of a default. RFC 5280 section 4.1. */
export function encodeExtension(oid: Uint8Array, isCritical: boolean, value: Uint8Array): Uint8Array {
  return encodeElement(DerTag.sequence, oid, isCritical ? TRUE : NOTHING, encodeElement(DerTag.octetString, value))
}

/** `undefined` for an end entity; for a CA how many CAs may follow below it, if that is limited. */
export function basicConstraints(ca: { readonly pathLength?: number } | undefined): Uint8Array {
  const parts: Uint8Array[] = []
  if (ca !== undefined) parts.push(TRUE)
  if (ca?.pathLength !== undefined) parts.push(encodeElement(DerTag.integer, Uint8Array.of(ca.pathLength)))
  return encodeExtension(OIDS.basicConstraints, true, encodeElement(DerTag.sequence, ...parts))
}

export function keyUsage(...usages: readonly KeyUsage[]): Uint8Array {
  return encodeExtension(OIDS.keyUsage, true, encodeKeyUsage(usages))
}

export function extendedKeyUsage(...purposes: readonly string[]): Uint8Array {
  const value = encodeElement(DerTag.sequence, ...purposes.map(encodeOid))
  return encodeExtension(OIDS.extendedKeyUsage, false, value)
}

export function subjectKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return encodeExtension(OIDS.subjectKeyIdentifier, false, encodeElement(DerTag.octetString, keyId))
}

export function authorityKeyIdentifier(keyId: Uint8Array): Uint8Array {
  const value = encodeElement(DerTag.sequence, encodeElement(primitiveTag(0), keyId))
  return encodeExtension(OIDS.authorityKeyIdentifier, false, value)
}

/** RFC 5280 section 5.2.3. @param number an INTEGER, encoded */
export function crlNumber(number: Uint8Array): Uint8Array {
  return encodeExtension(OIDS.crlNumber, false, number)
}

/** RFC 5280 section 5.3.1. */
export function crlReason(code: number): Uint8Array {
  return encodeExtension(OIDS.crlReason, false, encodeElement(DerTag.enumerated, Uint8Array.of(code)))
}

/** The `[3]` field that holds a certificate's extensions. */
export const EXTENSIONS_TAG = constructedTag(3)
