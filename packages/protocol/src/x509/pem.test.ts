import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePem, encodePem } from './pem.ts'

const refused = expect.objectContaining({ code: 'ERR_CERTIFICATE_PEM' })
const tooLarge = expect.objectContaining({ code: 'ERR_CERTIFICATE_TOO_LARGE' })
const block = (body: string, label = 'CERTIFICATE') => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`

describe('PEM', () => {
  it('round-trips any certificates', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 4 }), (certificates) => {
        expect(decodePem(encodePem(certificates))).toEqual(certificates)
      }),
    )
  })

  it('accepts blank lines and both line endings', () => {
    const text = `\n${block('AQID')}\n \n${block('BA==')}`
    const expected = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
    expect(decodePem(text)).toEqual(expected)
    expect(decodePem(text.replaceAll('\n', '\r\n'))).toEqual(expected)
    expect(decodePem('')).toEqual([])
  })

  it.each([
    ['a private key', block('AQID', 'PRIVATE KEY')],
    ['text around blocks', `root of example.org\n${block('AQID')}`],
    ['an empty block', block('')],
    ['a block without an end', '-----BEGIN CERTIFICATE-----\nAQID\n'],
    ['a block in a block', block(`-----BEGIN CERTIFICATE-----\nAQID`)],
    ['another end', '-----BEGIN CERTIFICATE-----\nAQID\n-----END PRIVATE KEY-----\n'],
    ['missing padding', block('BA')],
    ['unused bits that are set', block('BB==')],
    ['padding inside', block('BA==AQID')],
    ['too much padding', block('AQIDBA======')],
    ['base64url', block('__--')],
    ['white space in a line', block('AQ ID')],
    ['a short line before the last', block('AQID\nAQID')],
    ['a line of more than 64 characters', block('A'.repeat(68))],
  ])('refuses %s', (_, text) => {
    expect(() => decodePem(text)).toThrow(refused)
  })

  it('refuses too much text before decoding, and one block of more than 64 KiB', () => {
    expect(() => decodePem(' '.repeat(1024 * 1024 + 1))).toThrow(tooLarge)
    expect(() => decodePem(encodePem([new Uint8Array(64 * 1024 + 4)]))).toThrow(tooLarge)
  })
})
