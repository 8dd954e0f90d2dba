import { describe, expect, it } from 'vitest'
import { WorkSlots } from './work-slots.ts'

const never = () => new Promise<never>(() => {})
const { signal } = new AbortController()
const full = expect.objectContaining({ code: 'ERR_ATTESTATION_NOT_POSSIBLE' })

describe('WorkSlots', () => {
  it('refuses one user more than its share without refusing another', async () => {
    const slots = new WorkSlots({ running: 10, total: 10, perUid: 2 })
    for (let count = 0; count < 2; count++) void slots.run(1, signal, never)
    await expect(slots.run(1, signal, async () => 1)).rejects.toEqual(full)
    expect(await slots.run(2, signal, async () => 1)).toBe(1)
  })

  it('refuses more than there may be in all', async () => {
    const slots = new WorkSlots({ running: 1, total: 3, perUid: 3 })
    for (let uid = 0; uid < 3; uid++) void slots.run(uid, signal, never)
    await expect(slots.run(9, signal, async () => 1)).rejects.toEqual(full)
  })

  it('does not start what was given up while it waited, and lets the next go on', async () => {
    const slots = new WorkSlots({ running: 1, total: 3, perUid: 3 })
    let end = () => {}
    const running = slots.run(1, signal, () => {
      return new Promise<void>((resolve) => {
        end = resolve
      })
    })
    const patience = new AbortController()
    let started = false
    const waiting = slots.run(1, patience.signal, async () => {
      started = true
    })
    const next = slots.run(1, signal, async () => 'next')
    patience.abort(new Error('gave up'))
    await expect(waiting).rejects.toThrow('gave up')
    end()
    await running
    expect(await next).toBe('next')
    expect(started).toBe(false)
    expect(await slots.run(1, signal, async () => 'free')).toBe('free')
  })
})
