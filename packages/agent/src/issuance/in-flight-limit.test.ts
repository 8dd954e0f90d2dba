import { describe, expect, it } from 'vitest'
import { InFlightLimit } from './in-flight-limit.ts'

const never = () => new Promise<never>(() => {})
const full = expect.objectContaining({ code: 'ERR_AGENT_CREDENTIAL', message: 'too many credentials are being issued' })

describe('InFlightLimit', () => {
  it('refuses more for one entry without refusing another', async () => {
    const limit = new InFlightLimit()
    for (let count = 0; count < 32; count++) void limit.run('greedy', never)
    await expect(limit.run('greedy', async () => 1)).rejects.toEqual(full)
    expect(await limit.run('modest', async () => 1)).toBe(1)
  })

  it('refuses more than there may be in all', async () => {
    const limit = new InFlightLimit()
    for (let count = 0; count < 128; count++) void limit.run(`e${count}`, never)
    await expect(limit.run('another', async () => 1)).rejects.toEqual(full)
  })

  it('makes room for what ended, well or not', async () => {
    const limit = new InFlightLimit()
    for (let count = 0; count < 200; count++) {
      await limit
        .run('e', async () => {
          if (count % 2 === 0) throw new Error('failed')
        })
        .catch(() => {})
    }
    expect(await limit.run('e', async () => 1)).toBe(1)
  })
})
