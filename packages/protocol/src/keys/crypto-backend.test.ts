import { describe, expect, it } from 'vitest'
import { whenReady } from './crypto-backend.ts'

describe('whenReady', () => {
  it('goes on at once with a value', () => {
    expect(whenReady(1, (value) => value + 1)).toBe(2)
  })

  it('goes on later with a promise', async () => {
    const later = whenReady(Promise.resolve(1), (value) => value + 1)
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(2)
  })

  it('passes a rejection on without going on', async () => {
    const later = whenReady(Promise.reject(new Error('no')), () => 'not reached')
    await expect(later).rejects.toThrow('no')
  })
})
