import { describe, expect, it } from 'vitest'
import { KeyedLimit } from './keyed-limit.ts'

describe('KeyedLimit', () => {
  it('limits in all and by key, and takes each place back once', () => {
    const limit = new KeyedLimit({ total: 3, perKey: 2 })
    const first = limit.take('a')
    expect([limit.take('a') !== undefined, limit.take('a')]).toEqual([true, undefined])
    const other = limit.take('b')
    expect([other !== undefined, limit.take('c')]).toEqual([true, undefined])
    first?.()
    first?.()
    expect([limit.total, limit.take('c') !== undefined, limit.take('a')]).toEqual([2, true, undefined])
  })
})
