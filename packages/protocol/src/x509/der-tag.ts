/** The identifier octets of the ASN.1 types that certificates use. X.690 section 8.1.2. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** A context-specific tag `[number]` that holds bytes. */
export function primitiveTag(number: number): number {
  return 0x80 | number
}

/** A context-specific tag `[number]` that holds other elements. */
export function constructedTag(number: number): number {
  return 0xa0 | number
}
