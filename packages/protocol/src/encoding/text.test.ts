import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from './text.ts'

describe('UTF-8', () => {
  it('reads back what it wrote', () => {
    expect(decodeUtf8(encodeUtf8('é 𝄞 中'))).toBe('é 𝄞 中')
  })

  it.each([
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut sequence', [0xe4, 0xb8]],
    ['a lone continuation', [0x80]],
    ['a code point above the last', [0xf4, 0x90, 0x80, 0x80]],
  ])('refuses %s', async (_, bytes) => {
    await expectCode(() => decodeUtf8(new Uint8Array(bytes)), 'ERR_ENCODING_UTF8')
  })

  it('keeps a byte order mark, which JSON then refuses', () => {
    expect(decodeUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b]))).toBe('\ufeff{')
  })
})
