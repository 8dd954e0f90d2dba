import { Buffer } from 'node:buffer'
import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, encodeBase64 } from './base64.ts'

describe('base64', () => {
  it('agrees with node for any bytes, and reads them back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = encodeBase64(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64'))
        expect([...decodeBase64(text)]).toEqual([...bytes])
      }),
    )
  })

  it.each([
    ['missing padding', 'Zg'],
    ['too little padding', 'Zg='],
    ['padding only', '===='],
    ['too much padding', 'Zm9vZ==='],
    ['padding in the middle', 'Zg==Zg=='],
    ['the - of base64url', '-+/A'],
    ['the _ of base64url', '_+/A'],
    ['a line end', 'Zm9v\nZm9'],
    ['unused bits that are not zero', 'Zh=='],
  ])('refuses %s', async (_, text) => {
    await expectCode(() => decodeBase64(text), 'ERR_ENCODING_BASE64URL')
  })
})
