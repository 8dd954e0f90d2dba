import { CertificateError } from './certificate-error.ts'
import { DerReader, malformed } from './der-reader.ts'
import { constructedTag, DerTag, primitiveTag } from './der-tag.ts'
import { decodeBoolean, decodeSmallInteger } from './der-values.ts'
import { readGeneralName } from './general-name.ts'
import { decodeKeyUsage, type KeyUsage } from './key-usage.ts'
import { type NameConstraints, parseNameConstraints } from './name-constraints.ts'
import { decodeOid, Oid } from './oid.ts'

/** What a certificate's extensions say. A list is empty, and a value `undefined`, when the extension is absent. */
export interface CertificateExtensions {
  readonly isCa: boolean
  /** How many further CAs may stand between this one and the leaf. */
  readonly pathLength: number | undefined
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined
  readonly isKeyUsageCritical: boolean
  /** Dotted object identifiers. */
  readonly extKeyUsage: readonly string[] | undefined
  readonly uriSans: readonly string[]
  readonly dnsSans: readonly string[]
  /** 4 or 16 bytes each. */
  readonly ipSans: readonly Uint8Array[]
  readonly isSubjectAltNameCritical: boolean
  readonly subjectKeyId: Uint8Array | undefined
  readonly authorityKeyId: Uint8Array | undefined
  readonly nameConstraints: NameConstraints | undefined
  /** Dotted object identifiers. Whoever verifies this certificate must refuse it when there are any. */
  readonly unknownCriticalExtensions: readonly string[]
}

/** One Extension, its value still encoded. */
export interface Extension {
  readonly isCritical: boolean
  readonly value: Uint8Array
}

/**
 * Parses the list of extensions.
 *
 * @param list a reader inside the SEQUENCE OF Extension, `undefined` for a certificate without any
 * @throws CertificateError `ERR_CERTIFICATE_DUPLICATE_EXTENSION`, `ERR_CERTIFICATE_MALFORMED`
 * @see RFC 5280 section 4.2
 */
export function parseExtensions(list: DerReader | undefined): CertificateExtensions {
  const extensions = list === undefined ? new Map<string, Extension>() : readExtensions(list)
  const parse = <T>(oid: string, read: (value: DerReader) => T): T | undefined => {
    const extension = extensions.get(oid)
    if (extension === undefined) return undefined
    const reader = new DerReader(extension.value)
    const result = read(reader)
    reader.finish()
    return result
  }
  const isCritical = (oid: string) => extensions.get(oid)?.isCritical === true
  const constraints = parse(Oid.basicConstraints, readBasicConstraints)
  const names = parse(Oid.subjectAltName, readSubjectAltName)
  return {
    isCa: constraints?.isCa ?? false,
    pathLength: constraints?.pathLength,
    keyUsage: parse(Oid.keyUsage, (value) => decodeKeyUsage(value.expect(DerTag.bitString).content)),
    isKeyUsageCritical: isCritical(Oid.keyUsage),
    extKeyUsage: parse(Oid.extendedKeyUsage, readExtendedKeyUsage),
    uriSans: names?.uris ?? [],
    dnsSans: names?.dnsNames ?? [],
    ipSans: names?.ipAddresses ?? [],
    isSubjectAltNameCritical: isCritical(Oid.subjectAltName),
    subjectKeyId: parse(Oid.subjectKeyIdentifier, (value) => value.expect(DerTag.octetString).content),
    authorityKeyId: parse(Oid.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    nameConstraints: parse(Oid.nameConstraints, parseNameConstraints),
    unknownCriticalExtensions: [...extensions.keys()].filter((oid) => isCritical(oid) && !UNDERSTOOD.has(oid)),
  }
}

const UNDERSTOOD: ReadonlySet<string> = new Set([
  Oid.basicConstraints,
  Oid.keyUsage,
  Oid.extendedKeyUsage,
  Oid.subjectAltName,
  Oid.subjectKeyIdentifier,
  Oid.authorityKeyIdentifier,
  Oid.nameConstraints,
])

/**
 * Reads the items of a list of extensions, by dotted object identifier.
 *
 * @param list a reader inside the SEQUENCE OF Extension
 * @throws CertificateError `ERR_CERTIFICATE_DUPLICATE_EXTENSION`, `ERR_CERTIFICATE_MALFORMED`
 */
export function readExtensions(list: DerReader): ReadonlyMap<string, Extension> {
  const extensions = new Map<string, Extension>()
  if (list.isAtEnd) throw malformed('list of extensions is empty')
  while (!list.isAtEnd) {
    const extension = list.enter(DerTag.sequence)
    const oid = decodeOid(extension.expect(DerTag.oid).content)
    const flag = extension.optional(DerTag.boolean)
    if (flag !== undefined && !decodeBoolean(flag.content)) throw malformed('default value is encoded')
    const value = extension.expect(DerTag.octetString).content
    extension.finish()
    // Two parsers could each believe another copy. RFC 5280 section 4.2 forbids it.
    if (extensions.has(oid)) {
      throw new CertificateError('ERR_CERTIFICATE_DUPLICATE_EXTENSION', 'extension appears twice', { detail: oid })
    }
    extensions.set(oid, { isCritical: flag !== undefined, value })
  }
  return extensions
}

function readBasicConstraints(value: DerReader): { isCa: boolean; pathLength: number | undefined } {
  const reader = value.enter(DerTag.sequence)
  const flag = reader.optional(DerTag.boolean)
  if (flag !== undefined && !decodeBoolean(flag.content)) throw malformed('default value is encoded')
  const pathLength = reader.optional(DerTag.integer)
  reader.finish()
  const isCa = flag !== undefined
  if (pathLength === undefined) return { isCa, pathLength: undefined }
  if (!isCa) throw malformed('path length without CA')
  return { isCa, pathLength: decodeSmallInteger(pathLength.content) }
}

function readExtendedKeyUsage(value: DerReader): readonly string[] {
  const reader = value.enter(DerTag.sequence)
  if (reader.isAtEnd) throw malformed('extended key usage is empty')
  const purposes: string[] = []
  while (!reader.isAtEnd) purposes.push(decodeOid(reader.expect(DerTag.oid).content))
  return purposes
}

function readSubjectAltName(value: DerReader) {
  const names = { uris: [] as string[], dnsNames: [] as string[], ipAddresses: [] as Uint8Array[] }
  const reader = value.enter(DerTag.sequence)
  if (reader.isAtEnd) throw malformed('subject alternative name is empty')
  while (!reader.isAtEnd) {
    const name = readGeneralName(reader)
    if (name.form === 'uri') names.uris.push(name.text)
    if (name.form === 'dns') names.dnsNames.push(name.text)
    if (name.form !== 'ip') continue
    if (name.bytes.length !== 4 && name.bytes.length !== 16) throw malformed('IP address has the wrong length')
    names.ipAddresses.push(name.bytes)
  }
  return names
}

/** RFC 5280 section 4.2.1.1: `[0]` key identifier, `[1]` issuer and `[2]` serial number, all optional. */
export function readAuthorityKeyIdentifier(value: DerReader): Uint8Array | undefined {
  const reader = value.enter(DerTag.sequence)
  const keyId = reader.optional(primitiveTag(0))?.content
  reader.optional(constructedTag(1))
  reader.optional(primitiveTag(2))
  reader.finish()
  return keyId
}
