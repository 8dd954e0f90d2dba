import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeTime, encodeTime, TimeEncoder } from './certificate-time.ts'
import { DerReader } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'

const seconds = (iso: string) => Date.parse(iso) / 1000
const decode = (der: Uint8Array) => decodeTime(new DerReader(der).next())
const text = (tag: number, value: string) => encodeElement(tag, new TextEncoder().encode(value))

describe('certificate times', () => {
  it.each([
    ['1950-01-01T00:00:00Z', DerTag.utcTime, '500101000000Z'],
    ['2049-12-31T23:59:59Z', DerTag.utcTime, '491231235959Z'],
    ['2050-01-01T00:00:00Z', DerTag.generalizedTime, '20500101000000Z'],
    ['9999-12-31T23:59:59Z', DerTag.generalizedTime, '99991231235959Z'],
    ['2024-02-29T12:34:56Z', DerTag.utcTime, '240229123456Z'],
  ])('writes and reads %s', (iso, tag, value) => {
    expect(encodeTime(seconds(iso))).toEqual(text(tag, value))
    expect(decode(text(tag, value))).toBe(seconds(iso))
  })

  it('round-trips every second', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: seconds('1950-01-01T00:00:00Z'), max: seconds('9999-12-31T23:59:59Z') }),
        (time) => {
          expect(decode(encodeTime(time))).toBe(time)
        },
      ),
    )
  })

  it.each([Number.NaN, 1.5, Number.POSITIVE_INFINITY, -631_152_001, 253_402_300_800])('refuses to write %d', (time) => {
    expect(() => encodeTime(time)).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_VALIDITY' }))
  })

  it.each([
    ['no seconds', DerTag.utcTime, '2402291234Z'],
    ['an offset', DerTag.utcTime, '240229123456+0000'],
    ['no zone', DerTag.utcTime, '240229123456'],
    ['a fraction', DerTag.generalizedTime, '20500101000000.5Z'],
    ['a four-digit year before 2050', DerTag.generalizedTime, '20491231235959Z'],
    ['30 February', DerTag.utcTime, '240230000000Z'],
    ['29 February of a common year', DerTag.utcTime, '230229000000Z'],
    ['month 0', DerTag.utcTime, '240001000000Z'],
    ['month 13', DerTag.utcTime, '241301000000Z'],
    ['day 0', DerTag.utcTime, '240100000000Z'],
    ['hour 24', DerTag.utcTime, '240101240000Z'],
    ['minute 60', DerTag.utcTime, '240101006000Z'],
    ['second 60', DerTag.utcTime, '240101000060Z'],
    ['a letter', DerTag.utcTime, '2401010000o0Z'],
    ['a character after 9 that would count as ten', DerTag.utcTime, '24010100000:Z'],
    ['a sign', DerTag.utcTime, '2401010000-1Z'],
    ['nothing', DerTag.utcTime, ''],
    ['another type', DerTag.utf8String, '240229123456Z'],
  ])('refuses to read %s', (_, tag, value) => {
    expect(() => decode(text(tag, value))).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' }))
  })

  it('remembers only the last time', () => {
    const encoder = new TimeEncoder()
    const first = encoder.encode(1_700_000_000)
    expect(encoder.encode(1_700_000_000)).toBe(first)
    expect(encoder.encode(1_700_000_001)).toEqual(encodeTime(1_700_000_001))
  })
})
