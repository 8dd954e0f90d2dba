import { describe, expect, it } from 'vitest'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { checkName, encodeName, isEmptyName } from './name.ts'
import { encodeOid, Oid } from './oid.ts'

const subject = expect.objectContaining({ code: 'ERR_CERTIFICATE_SUBJECT' })
const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' })

describe('distinguished names', () => {
  it('writes names that pass its own check', () => {
    const name = encodeName({ organization: 'Müller & Söhne', commonName: 'root', serialNumber: '0a1b' })
    checkName(name)
    expect(isEmptyName(name)).toBe(false)
    expect(isEmptyName(encodeName({}))).toBe(true)
  })

  it('counts characters, not bytes', () => {
    checkName(encodeName({ commonName: 'é'.repeat(64) }))
    expect(() => encodeName({ commonName: 'é'.repeat(65) })).toThrow(subject)
  })

  it.each([
    { commonName: '' },
    { commonName: 'a\u0000b' },
    { commonName: '\ud800' },
    { organization: 'a\nb' },
    { organization: 'x'.repeat(65) },
    { serialNumber: 'a*b' },
    { serialNumber: 'é' },
    { serialNumber: '' },
    { serialNumber: '1'.repeat(65) },
  ])('refuses to write %j', (attributes) => {
    expect(() => encodeName(attributes)).toThrow(subject)
  })

  const attribute = encodeElement(
    DerTag.sequence,
    encodeOid(Oid.commonName),
    encodeElement(DerTag.utf8String, Uint8Array.of(0x61)),
  )
  it.each([
    ['an empty RDN', encodeElement(DerTag.sequence, encodeElement(DerTag.set))],
    ['an attribute outside an RDN', encodeElement(DerTag.sequence, attribute)],
    [
      'an attribute without a value',
      encodeElement(DerTag.sequence, encodeElement(DerTag.set, attribute.subarray(0, 7))),
    ],
    ['trailing bytes', Uint8Array.of(0x30, 0x00, 0x00)],
    [
      'an attribute of three parts',
      encodeElement(
        DerTag.sequence,
        encodeElement(
          DerTag.set,
          encodeElement(
            DerTag.sequence,
            encodeOid(Oid.commonName),
            encodeElement(DerTag.null),
            encodeElement(DerTag.null),
          ),
        ),
      ),
    ],
  ])('refuses to read %s', (_, name) => {
    expect(() => checkName(name)).toThrow(malformed)
  })
})
