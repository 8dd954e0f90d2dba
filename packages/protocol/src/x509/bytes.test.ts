import { describe, expect, it } from 'vitest'
import { bytesEqual } from './bytes.ts'

describe('bytesEqual', () => {
  it('compares length and every byte', () => {
    const bytes = Uint8Array.of(1, 2)
    expect(bytesEqual(bytes, Uint8Array.of(1, 2))).toBe(true)
    expect(bytesEqual(bytes, Uint8Array.of(1, 3))).toBe(false)
    expect(bytesEqual(bytes, Uint8Array.of(1, 2, 3))).toBe(false)
    expect(bytesEqual(Uint8Array.of(1, 2, 3), bytes)).toBe(false)
  })
})
