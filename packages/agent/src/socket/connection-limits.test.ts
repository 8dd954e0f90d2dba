import { describe, expect, it } from 'vitest'
import { ConnectionCounter } from './connection-limits.ts'

describe('ConnectionCounter', () => {
  it('leaves room for other users when one has used up theirs', () => {
    const counter = new ConnectionCounter({ total: 10, perUid: 2 })
    expect([counter.tryAdd(1), counter.tryAdd(1), counter.tryAdd(1)]).toEqual([true, true, false])
    expect(counter.tryAdd(2)).toBe(true)
    counter.remove(1)
    expect(counter.tryAdd(1)).toBe(true)
    expect(counter.total).toBe(3)
  })

  it('stops at the total', () => {
    const counter = new ConnectionCounter({ total: 2, perUid: 2 })
    expect([counter.tryAdd(1), counter.tryAdd(2), counter.tryAdd(3)]).toEqual([true, true, false])
  })

  it('forgets a user without connections', () => {
    const counter = new ConnectionCounter({ total: 2, perUid: 2 })
    counter.tryAdd(1)
    counter.remove(1)
    counter.remove(1)
    expect(counter.total).toBe(0)
  })
})
