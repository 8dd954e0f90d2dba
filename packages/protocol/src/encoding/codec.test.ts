import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeCodec } from '../keys-node/node-codec.ts'
import { type Codec, portableCodec } from './codec.ts'
import { EncodingError } from './encoding-error.ts'

/** What a codec makes of an input: its output, or the code of its refusal. */
function outcome(run: () => Uint8Array | string): string {
  try {
    const result = run()
    return typeof result === 'string' ? `text ${result}` : `bytes ${Buffer.from(result).toString('hex')}`
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error
    return error.code
  }
}

/** Texts near base64url: right ones, and right ones with something inserted, replaced or cut. */
const nearBase64url = fc
  .tuple(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 3, unit: 'binary' }), fc.nat(60), fc.boolean())
  .map(([bytes, insert, at, cut]) => {
    const text = Buffer.from(bytes).toString('base64url')
    return text.slice(0, at) + insert + text.slice(at + (cut ? 1 : 0))
  })

describe.each<readonly [string, Codec]>([
  ['portable', portableCodec],
  ['node', nodeCodec],
])('the %s codec', (_, codec) => {
  it('round-trips bytes and text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'grapheme' }), (bytes, text) => {
        expect(Uint8Array.from(codec.decodeBase64url(codec.encodeBase64url(bytes)))).toEqual(bytes)
        expect(codec.decodeBase64urlText(codec.encodeBase64urlText(text))).toBe(text)
        expect(codec.encodeBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(Uint8Array.from(codec.decodeBase64(codec.encodeBase64(bytes)))).toEqual(bytes)
      }),
    )
  })

  it.each(['A', 'AB=', 'AA==', 'A A', 'AA\n', 'A+A', 'A/A', 'AB', 'AAB', 'é', '\u0141AAA'])('refuses %j', (text) => {
    expect(outcome(() => codec.decodeBase64url(text))).toBe('ERR_ENCODING_BASE64URL')
    expect(outcome(() => codec.decodeBase64urlText(text))).toBe('ERR_ENCODING_BASE64URL')
  })

  it.each(['A', 'AA', 'AA=', 'AB==', 'AAA', 'AAB=', 'AA==AA==', 'A A=', 'AA==\n', 'A-A=', 'A_A=', '====', 'é'])(
    'refuses %j as padded base64',
    (text) => {
      expect(outcome(() => codec.decodeBase64(text))).toBe('ERR_ENCODING_BASE64URL')
    },
  )

  it.each(['gA', '_w', '7aCA', 'wIA', '9JCAgA'])('refuses %s as text: it is not UTF-8', (text) => {
    expect(outcome(() => codec.decodeBase64urlText(text))).toBe('ERR_ENCODING_UTF8')
  })

  it('keeps a byte order mark, which JSON then refuses', () => {
    expect(codec.decodeBase64urlText('77u_e30')).toBe('\ufeff{}')
  })
})

describe('the codecs', () => {
  it('agree on long texts, and on where in them the base64url begins', () => {
    const long = fc.tuple(
      fc.uint8Array({ minLength: 80, maxLength: 300 }),
      fc.nat(400),
      fc.constantFrom('', '=', '.', '+', 'é', 'B'),
    )
    fc.assert(
      fc.property(long, fc.nat(5), ([bytes, at, insert], start) => {
        const valid = Buffer.from(bytes).toString('base64url')
        const text = valid.slice(0, at) + insert + valid.slice(at)
        expect(outcome(() => nodeCodec.decodeBase64urlText(text))).toBe(
          outcome(() => portableCodec.decodeBase64urlText(text)),
        )
        const prefixed = '.'.repeat(start) + text
        for (const codec of [nodeCodec, portableCodec]) {
          expect(outcome(() => codec.decodeBase64url(prefixed, start))).toBe(
            outcome(() => portableCodec.decodeBase64url(text)),
          )
        }
      }),
    )
  })

  it.each([100, 5461, 5462, 12_288, 12_289, 40_000])('take texts of %i characters', (length) => {
    for (const text of ['a'.repeat(length), `${'a'.repeat(length - 1)}\u20ac`, '\ufffd'.repeat(length)]) {
      const encoded = Buffer.from(text, 'utf8').toString('base64url')
      expect(nodeCodec.encodeBase64urlText(text)).toBe(encoded)
      expect(nodeCodec.decodeBase64urlText(encoded)).toBe(text)
    }
  })

  it('do not take a replacement character of the text for one of the decoder', () => {
    expect(nodeCodec.decodeBase64urlText(Buffer.from('a\ufffd').toString('base64url'))).toBe('a\ufffd')
    const broken = Buffer.concat([Buffer.from('a\ufffd'), Buffer.of(0xff)]).toString('base64url')
    expect(outcome(() => nodeCodec.decodeBase64urlText(broken))).toBe('ERR_ENCODING_UTF8')
  })

  it('agree on every input', () => {
    fc.assert(
      fc.property(fc.oneof(nearBase64url, fc.string({ unit: 'binary', maxLength: 12 })), (text) => {
        for (const name of ['decodeBase64url', 'decodeBase64urlText', 'decodeBase64'] as const) {
          expect(outcome(() => nodeCodec[name](text))).toBe(outcome(() => portableCodec[name](text)))
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('agree on every output', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.string({ unit: 'grapheme' }), (bytes, text) => {
        expect(nodeCodec.encodeBase64url(bytes)).toBe(portableCodec.encodeBase64url(bytes))
        expect(nodeCodec.encodeBase64urlText(text)).toBe(portableCodec.encodeBase64urlText(text))
        const ascii = Buffer.from(bytes).toString('base64url')
        expect(Uint8Array.from(nodeCodec.encodeAscii(ascii))).toEqual(Uint8Array.from(portableCodec.encodeAscii(ascii)))
      }),
    )
  })
})
