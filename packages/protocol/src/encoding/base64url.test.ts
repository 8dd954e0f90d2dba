import { Buffer } from 'node:buffer'
import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64url, encodeBase64url } from './base64url.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('encodeBase64url', () => {
  it('writes the vectors of RFC 4648 section 10 without padding', () => {
    const vectors = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' }
    for (const [text, encoded] of Object.entries(vectors)) expect(encodeBase64url(Buffer.from(text))).toBe(encoded)
  })

  it('agrees with node for any bytes, and reads them back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = encodeBase64url(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64url'))
        expect(Buffer.from(decodeBase64url(text)).equals(Buffer.from(bytes))).toBe(true)
      }),
    )
  })
})

describe('decodeBase64url', () => {
  it.each([
    ['padding', 'Zg=='],
    ['the + of plain base64', '+-_A'],
    ['the / of plain base64', '/-_A'],
    ['white space inside', 'Zm 9'],
    ['a line end behind', 'Zm9v\n'],
    ['a dot', 'Zm.v'],
    ['a letter beyond Latin-1 whose low byte is in the alphabet', 'Zm9\u0141'],
    ['such a letter in the last group', 'Zm9vZ\u0141'],
    ['a NUL', 'Zm9\0'],
    ['an impossible length', 'Zm9vY'],
    ['one character', 'Z'],
    ['unused bits that are not zero, two characters', 'Zh'],
    ['unused bits that are not zero, three characters', 'Zm9'],
  ])('refuses %s', async (_, text) => {
    await expectCode(() => decodeBase64url(text), 'ERR_ENCODING_BASE64URL')
  })

  it('accepts exactly one text for every byte string', () => {
    // All texts of two and three characters: one in 16 and one in 4 is canonical.
    const characters = [...ALPHABET]
    const accepted = (text: string) => {
      try {
        return encodeBase64url(decodeBase64url(text)) === text
      } catch {
        return false
      }
    }
    const pairs = characters.flatMap((a) => characters.map((b) => a + b)).filter(accepted)
    expect(pairs).toHaveLength(256)
    const triples = characters.flatMap((b) => characters.map((c) => `A${b}${c}`)).filter(accepted)
    expect(triples).toHaveLength(1024)
  })

  it('refuses every character outside the alphabet at every place of a group', async () => {
    for (let code = 0; code < 300; code++) {
      const character = String.fromCharCode(code)
      if (ALPHABET.includes(character)) continue
      for (let place = 0; place < 7; place++) {
        const text = `${'A'.repeat(place)}${character}${'A'.repeat(6 - place)}`
        await expectCode(() => decodeBase64url(text), 'ERR_ENCODING_BASE64URL')
      }
    }
  })

  it('reads a range of a longer text', async () => {
    expect([...decodeBase64url('!!Zm9v!!', 2, 6)]).toEqual([0x66, 0x6f, 0x6f])
    expect([...decodeBase64url('Zm9vZg', 4)]).toEqual([0x66])
    await expectCode(() => decodeBase64url('!!Zm9v!!', 1, 5), 'ERR_ENCODING_BASE64URL')
  })
})
