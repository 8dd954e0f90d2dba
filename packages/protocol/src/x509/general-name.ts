import { type DerReader, malformed } from './der-reader.ts'
import { constructedTag, primitiveTag } from './der-tag.ts'
import { decodeIa5 } from './der-values.ts'

/** The forms of GeneralName that matter here; the rest is `other`. RFC 5280 section 4.2.1.6. */
export type GeneralName =
  | { readonly form: 'dns'; readonly text: string }
  | { readonly form: 'uri'; readonly text: string }
  | { readonly form: 'ip'; readonly bytes: Uint8Array }
  | { readonly form: 'other' }

export const DNS_TAG = primitiveTag(2)
export const URI_TAG = primitiveTag(6)
export const IP_TAG = primitiveTag(7)

/** otherName, rfc822Name, x400Address, directoryName, ediPartyName, registeredID: well-formed but not used. */
const OTHER_TAGS: ReadonlySet<number> = new Set([
  constructedTag(0),
  primitiveTag(1),
  constructedTag(3),
  constructedTag(4),
  constructedTag(5),
  primitiveTag(8),
])

/** @throws CertificateError `ERR_CERTIFICATE_MALFORMED` */
export function readGeneralName(reader: DerReader): GeneralName {
  const { tag, content } = reader.next()
  switch (tag) {
    case DNS_TAG:
      return { form: 'dns', text: decodeIa5(content) }
    case URI_TAG:
      return { form: 'uri', text: decodeIa5(content) }
    case IP_TAG:
      return { form: 'ip', bytes: content }
    default:
      if (!OTHER_TAGS.has(tag)) throw malformed('alternative name is of an unknown form')
      return { form: 'other' }
  }
}
