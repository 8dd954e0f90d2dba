import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteArena } from './byte-arena.ts'

describe('ByteArena', () => {
  it('never hands out a byte twice', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 60 }), (sizes) => {
        const arena = new ByteArena()
        const pieces = sizes.map((size, index) => arena.take(size).fill(index + 1))
        pieces.forEach((piece, index) => {
          expect(piece.length).toBe(sizes[index])
          expect(piece.every((byte) => byte === index + 1)).toBe(true)
        })
      }),
    )
  })
})
