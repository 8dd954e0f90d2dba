import { describe, expect, it } from 'vitest'
import type { VerifiedWit } from './verified-wit.ts'
import { VerifiedWitCache } from './verified-wit-cache.ts'

const wit = (digest: string) => ({ digest, confirmationJwk: {}, claims: {} }) as unknown as VerifiedWit

describe('VerifiedWitCache', () => {
  it('returns what was stored under exactly this digest', () => {
    const cache = new VerifiedWitCache()
    const one = wit('one')
    cache.set('one', one)
    expect(cache.get('one')).toBe(one)
    expect(cache.get('two')).toBe(undefined)
  })

  it('forgets what was deleted', () => {
    const cache = new VerifiedWitCache()
    cache.set('one', wit('one'))
    cache.delete('one')
    expect(cache.get('one')).toBe(undefined)
    expect(cache.size).toBe(0)
  })

  it('never holds more than its capacity', () => {
    const cache = new VerifiedWitCache(3)
    for (let index = 0; index < 100; index++) {
      cache.set(`digest ${index}`, wit('x'))
      expect(cache.size).toBeLessThanOrEqual(3)
    }
    expect(cache.get('digest 99')).toEqual(wit('x'))
    expect(cache.get('digest 96')).toBe(undefined)
  })

  it('holds 4096 tokens where nothing is said', () => {
    const cache = new VerifiedWitCache()
    for (let index = 0; index < 5000; index++) cache.set(`digest ${index}`, wit('x'))
    expect(cache.size).toBe(4096)
  })

  it('drops the least recently used once it is full', () => {
    const cache = new VerifiedWitCache(2)
    cache.set('one', wit('one'))
    cache.set('two', wit('two'))
    cache.get('one')
    cache.set('three', wit('three'))
    expect(cache.get('two')).toBe(undefined)
    expect(cache.get('one')).toEqual(wit('one'))
  })

  it('keeps what no handler can change', () => {
    const cache = new VerifiedWitCache()
    cache.set('one', wit('one'))
    const kept = cache.get('one')
    expect([kept, kept?.confirmationJwk, kept?.claims].map(Object.isFrozen)).toEqual([true, true, true])
  })

  it('stores nothing with a capacity of 0', () => {
    const cache = new VerifiedWitCache(0)
    cache.set('one', wit('one'))
    expect(cache.get('one')).toBe(undefined)
  })
})
