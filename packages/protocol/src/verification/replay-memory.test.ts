import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InProcessReplayMemory } from './replay-memory.ts'

const NOW = 1_800_000_000

describe('InProcessReplayMemory', () => {
  it('knows what it has seen', () => {
    const memory = new InProcessReplayMemory()
    expect(memory.remember('a', NOW + 60, NOW)).toBe('fresh')
    expect(memory.remember('a', NOW + 60, NOW)).toBe('replayed')
    expect(memory.remember('a', NOW + 120, NOW + 1)).toBe('replayed')
    expect(memory.remember('b', NOW + 60, NOW)).toBe('fresh')
  })

  it('does not forget an entry before it expires, whatever the time', () => {
    for (let offset = 0; offset < 40; offset++) {
      const memory = new InProcessReplayMemory()
      const expiresAt = NOW + offset
      memory.remember('a', expiresAt, NOW - 1)
      for (let now = NOW - 1; now < expiresAt; now++) {
        memory.remember(`other ${now}`, now + 1, now)
        expect(memory.remember('a', expiresAt, now)).toBe('replayed')
      }
    }
  })

  it('keeps an expiry between two seconds until then', () => {
    const memory = new InProcessReplayMemory()
    memory.remember('a', NOW + 0.5, NOW - 100)
    expect(memory.remember('a', NOW + 0.5, NOW)).toBe('replayed')
  })

  it('gives memory back soon after entries expire', () => {
    const memory = new InProcessReplayMemory()
    for (let index = 0; index < 1000; index++) memory.remember(`key ${index}`, NOW + 1 + (index % 60), NOW)
    expect(memory.size).toBe(1000)
    memory.remember('late', NOW + 1000, NOW + 60 + 16)
    expect(memory.size).toBe(1)
  })

  it('stays the same size under steady load', () => {
    const memory = new InProcessReplayMemory()
    let largest = 0
    for (let second = 0; second < 2000; second++) {
      for (let index = 0; index < 5; index++) memory.remember(`${second} ${index}`, NOW + second + 60, NOW + second)
      largest = Math.max(largest, memory.size)
    }
    expect(largest).toBeLessThanOrEqual(5 * (60 + 2 * 16))
  })

  it('says when it is full instead of forgetting, and has room again later', () => {
    const memory = new InProcessReplayMemory({ capacity: 2 })
    expect(memory.remember('a', NOW + 10, NOW)).toBe('fresh')
    expect(memory.remember('b', NOW + 500, NOW)).toBe('fresh')
    expect(memory.remember('c', NOW + 10, NOW)).toBe('full')
    expect(memory.size).toBe(2)
    expect(memory.remember('a', NOW + 10, NOW)).toBe('replayed')
    expect(memory.remember('b', NOW + 10, NOW)).toBe('replayed')
    expect(memory.remember('c', NOW + 100, NOW + 32)).toBe('fresh')
    expect(memory.remember('b', NOW + 500, NOW + 32)).toBe('replayed')
    expect(memory.remember('d', NOW + 100, NOW + 32)).toBe('full')
  })

  it('does not count what it refused', () => {
    const memory = new InProcessReplayMemory({ capacity: 1 })
    memory.remember('a', NOW + 10, NOW)
    for (let index = 0; index < 10; index++) memory.remember(`key ${index}`, NOW + 10, NOW)
    expect(memory.size).toBe(1)
  })

  it('answers as a memory that never forgets anything live, for any order of events', () => {
    const event = fc.record({
      key: fc.integer({ min: 0, max: 5 }),
      lives: fc.integer({ min: 1, max: 70 }),
      wait: fc.nat(40),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const memory = new InProcessReplayMemory()
        const model = new Map<string, number>()
        let now = NOW
        for (const { key, lives, wait } of events) {
          now += wait
          const name = `key ${key}`
          const answer = memory.remember(name, now + lives, now)
          const livesUntil = model.get(name)
          // Past its expiry an entry may be forgotten or not: its proof is refused for its age anyway.
          if (livesUntil === undefined) expect(answer).toBe('fresh')
          else if (livesUntil > now) expect(answer).toBe('replayed')
          if (answer === 'fresh') model.set(name, now + lives)
        }
      }),
    )
  })
})

describe('senders', () => {
  it('cannot use up the memory of all, and get their share back when proofs expire', () => {
    const memory = new InProcessReplayMemory({ capacity: 4 })
    expect(['a', 'b', 'c'].map((key) => memory.remember(key, 116, 100, 'loud'))).toEqual(['fresh', 'fresh', 'full'])
    expect(memory.remember('d', 116, 100, 'quiet')).toBe('fresh')
    expect(memory.remember('a', 116, 100, 'loud')).toBe('replayed')
    expect(memory.remember('e', 416, 200, 'loud')).toBe('fresh')
    expect(memory.remember('f', 416, 200, 'loud')).toBe('fresh')
    expect(memory.remember('g', 416, 200, 'loud')).toBe('full')
  })

  it('get back only the share of what has expired', () => {
    const memory = new InProcessReplayMemory({ capacity: 6 })
    expect(memory.remember('short', 116, 100, 'loud')).toBe('fresh')
    expect(memory.remember('long', 1000, 100, 'loud')).toBe('fresh')
    expect(memory.remember('longer', 1000, 100, 'loud')).toBe('fresh')
    expect(memory.remember('more', 1000, 100, 'loud')).toBe('full')
    expect(memory.remember('one', 1000, 200, 'loud')).toBe('fresh')
    expect(memory.remember('two', 1000, 200, 'loud')).toBe('full')
  })

  it('may be given the whole memory', () => {
    const memory = new InProcessReplayMemory({ capacity: 2, senderShare: 1 })
    expect(['a', 'b', 'c'].map((key) => memory.remember(key, 116, 100, 'only'))).toEqual(['fresh', 'fresh', 'full'])
  })
})

describe('a time that is no number', () => {
  it.each([
    [Number.NaN, 100],
    [116, Number.NaN],
    [116, Number.POSITIVE_INFINITY],
    [Number.POSITIVE_INFINITY, 100],
  ])('is refused (%s, %s), and forgets nothing', (expiresAt, now) => {
    const memory = new InProcessReplayMemory()
    memory.remember('a', 116, 100)
    expect(() => memory.remember('b', expiresAt, now)).toThrow(TypeError)
    expect(memory.remember('a', 116, 100)).toBe('replayed')
  })
})
