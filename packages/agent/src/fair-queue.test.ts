import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { FairQueue } from './fair-queue.ts'

const busy = expect.objectContaining({ code: 'ERR_AGENT_BUSY', message: 'too many programs ask at once' })

function start(limits: Partial<ConstructorParameters<typeof FairQueue>[0]> = {}) {
  const clock = new FakeClock()
  const queue = new FairQueue<string>(
    { running: 2, runningPerOwner: 2, waiting: 8, waitingPerOwner: 4, patienceMs: 10_000, ...limits },
    clock,
  )
  const order: string[] = []
  const ends: (() => void)[] = []
  /** Work that lasts until `finish` ends the oldest. */
  const ask = (owner: string, name = owner) =>
    queue.run(owner, () => {
      order.push(name)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
  const finish = async () => {
    ends.shift()?.()
    await settle(1)
  }
  return { clock, queue, order, ask, finish }
}

describe('FairQueue', () => {
  it('runs no more at once than it may', async () => {
    const { queue, order, ask, finish } = start()
    for (const name of ['a', 'b', 'c']) void ask(name)
    expect(order).toEqual(['a', 'b'])
    expect([queue.running, queue.waiting]).toEqual([2, 1])
    await finish()
    expect(order).toEqual(['a', 'b', 'c'])
    await finish()
    await finish()
    expect([queue.running, queue.waiting]).toEqual([0, 0])
  })

  it('lets owners take turns, however much one of them asks for', async () => {
    const { order, ask, finish } = start({ running: 1 })
    for (const name of ['g0', 'g1', 'g2', 'g3']) void ask('greedy', name)
    void ask('modest', 'm0')
    void ask('other', 'o0')
    for (let turn = 0; turn < 6; turn++) await finish()
    expect(order).toEqual(['g0', 'g1', 'm0', 'o0', 'g2', 'g3'])
  })

  it('keeps places free of an owner whose work hangs', async () => {
    const { queue, order, ask, finish } = start({ running: 4, runningPerOwner: 2 })
    for (const name of ['h0', 'h1', 'h2']) void ask('hanging', name)
    for (const name of ['a', 'b']) void ask(name)
    expect(order).toEqual(['h0', 'h1', 'a', 'b'])
    void ask('c')
    await finish()
    expect(order.slice(4)).toEqual(['h2'])
    await finish()
    expect(order.slice(4)).toEqual(['h2', 'c'])
    for (let turn = 0; turn < 4; turn++) await finish()
    expect([queue.running, queue.waiting]).toEqual([0, 0])
  })

  it('refuses an owner who has too many waiting, and no other', async () => {
    const { queue, ask } = start()
    for (let count = 0; count < 6; count++) void ask('greedy')
    await expect(ask('greedy')).rejects.toEqual(busy)
    void ask('modest')
    expect(queue.waiting).toBe(5)
  })

  it('refuses everyone when too many wait in all', async () => {
    const { ask } = start()
    for (let count = 0; count < 10; count++) void ask(`owner ${count}`)
    await expect(ask('another')).rejects.toEqual(busy)
  })

  it('refuses who has waited too long, and keeps no timer of those who got their turn', async () => {
    const { clock, queue, ask, finish } = start({ running: 1 })
    void ask('a')
    void ask('b')
    const late = expect(ask('c')).rejects.toEqual(busy)
    await finish()
    await clock.advance(10)
    await late
    expect(queue.waiting).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('frees the place of work that failed', async () => {
    const { queue } = start({ running: 1 })
    for (let count = 0; count < 3; count++) {
      await expect(queue.run('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    }
    expect(await queue.run('b', async () => 1)).toBe(1)
    expect(queue.running).toBe(0)
  })
})
