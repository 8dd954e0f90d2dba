import { spawn } from 'node:child_process'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { end, startWorkload } from '../test-support/broker-world.ts'
import { HeldProcess } from './held-process.ts'
import { ProcessTable } from './process-table.ts'

describe('HeldProcess', () => {
  it('tells who the process is, until it ends', async () => {
    const child = await startWorkload()
    const held = HeldProcess.hold(child.pid)
    const peer = held?.peer()
    expect(peer).toMatchObject({ pid: child.pid, uid: process.geteuid?.(), gid: process.getegid?.() })
    expect(held?.peer()).toBe(peer)
    await end(child)
    expect([held?.peer(), held?.isAlive(), peer?.isAlive()]).toEqual([undefined, false, false])
    held?.release()
  })

  it('takes a process that waits for its parent for one that has ended', async () => {
    // The shell never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))))
    await expect.poll(() => HeldProcess.hold(pid)).toBe(undefined)
    await end(parent)
  })

  it.each([
    ['none has', 2 ** 30],
    ['0', 0],
    ['-1', -1],
  ])('holds no process by a pid that is %s', (_, pid) => {
    expect(HeldProcess.hold(pid)).toBe(undefined)
  })

  it('is nobody once it is let go', async () => {
    const held = HeldProcess.hold((await startWorkload()).pid)
    held?.release()
    held?.release()
    expect([held?.isAlive(), held?.peer()]).toEqual([false, undefined])
  })
})

/** A process as the table sees it: told when it ends, and under which pid. */
function fakeProcess() {
  const fake = { alive: true, released: 0 }
  const held = {
    isAlive: () => fake.alive,
    peer: () => (fake.alive ? { pid: 7, uid: 1, gid: 1, startTime: '1', isAlive: () => fake.alive } : undefined),
    release: () => {
      fake.released += 1
    },
  }
  return { fake, held: held as unknown as HeldProcess }
}

describe('ProcessTable', () => {
  it('holds a process once for all that name it, and lets go with the last', () => {
    const { fake, held } = fakeProcess()
    let holds = 0
    const table = new ProcessTable(new FakeClock(), () => {
      holds += 1
      return held
    })
    const leases = [table.acquire(7, () => {}), table.acquire(7, () => {})]
    expect([holds, leases[0]?.peer() !== undefined, table.size]).toEqual([1, true, 1])
    leases[0]?.release()
    leases[0]?.release()
    expect(fake.released).toBe(0)
    leases[1]?.release()
    expect([fake.released, table.size]).toEqual([1, 0])
  })

  it('tells all that hold a process of its end, once, and stops looking when nothing is held', async () => {
    const clock = new FakeClock()
    const { fake, held } = fakeProcess()
    const table = new ProcessTable(clock, () => held)
    const told: string[] = []
    const leases = ['a', 'b'].map((name) => table.acquire(7, () => told.push(name)))
    await clock.advance(5)
    expect(told).toEqual([])
    fake.alive = false
    await clock.advance(5)
    expect(told).toEqual(['a', 'b'])
    for (const lease of leases) lease?.release()
    expect(clock.pendingTimers).toBe(0)
  })

  it('never takes the next owner of a pid for the former', async () => {
    const [former, next] = [fakeProcess(), fakeProcess()]
    const owners = [former.held, next.held]
    const table = new ProcessTable(new FakeClock(), () => owners.shift())
    let ended = 0
    const first = table.acquire(7, () => {
      ended += 1
    })
    former.fake.alive = false
    const second = table.acquire(7, () => {})
    expect([first?.peer(), second?.peer() !== undefined, ended]).toEqual([undefined, true, 1])
    first?.release()
    expect([former.fake.released, next.fake.released, table.size]).toEqual([1, 0, 1])
    second?.release()
    expect([next.fake.released, table.size]).toEqual([1, 0])
  })

  it('has nobody for a pid that no process has', () => {
    const table = new ProcessTable(new FakeClock(), () => undefined)
    expect([table.acquire(7, () => {}), table.size]).toEqual([undefined, 0])
  })
})
