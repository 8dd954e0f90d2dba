import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { SyncAnswer, SyncClaim, SyncSent } from '../../registration/sync-state.ts'
import { SyncStream } from './sync-stream.ts'

class FakeSink {
  readonly written: string[] = []
  accepts = true
  isEnded = false
  drain: () => void = () => {}

  write(text: string): boolean {
    this.written.push(text)
    return this.accepts
  }

  onDrain(run: () => void): void {
    this.drain = run
  }

  end(): void {
    this.isEnded = true
  }

  get revisions(): string[] {
    return this.written
      .filter((text) => /^event: (?:sync|change)/.test(text))
      .map((text) => /id: (\d+)/.exec(text)?.[1] ?? '')
  }
}

/** What an agent is told; `digest` says whether it differs from what came before. */
interface World {
  revision: number
  digest: string
  reads: number
  bases: (SyncClaim | SyncSent | undefined)[]
  failure: Error | undefined
  failures: unknown[]
}

function open({ expiresAfter = 3600, claim }: { expiresAfter?: number; claim?: SyncClaim } = {}) {
  const clock = new FakeClock()
  const sink = new FakeSink()
  const world: World = { revision: 1, digest: 'd1', reads: 0, bases: [], failure: undefined, failures: [] }
  const read = async (basis: SyncClaim | SyncSent | undefined): Promise<SyncAnswer> => {
    world.reads++
    world.bases.push(basis)
    await settle(1)
    if (world.failure !== undefined) throw world.failure
    const { revision, digest } = world
    const sent = { revision, digest, parents: [], bundles: [], tainted: [], crls: [], intermediates: [] }
    const event = basis === undefined ? 'sync' : basis.digest === digest ? 'current' : 'change'
    return { event, data: `{"of":"${digest}"}`, sent }
  }
  const onFailure = (error: unknown) => world.failures.push(error)
  const stream = new SyncStream({ sink, clock, expiresAt: clock.now() + expiresAfter, read, claim, onFailure })
  const change = (revision: number, isOther = false) => {
    Object.assign(world, { revision, ...(!isOther && { digest: `d${revision}` }) })
    stream.markDirty()
  }
  return { clock, sink, world, stream, change }
}

describe('SyncStream', () => {
  it('waits when all agents are told, but not with a change of its own', async () => {
    const { clock, sink, world, stream, change } = open()
    await settle()
    Object.assign(world, { revision: 2, digest: 'd2' })
    stream.markDirty(3_000)
    await clock.advance(2)
    expect(sink.revisions).toEqual(['1'])
    change(3)
    stream.markDirty(3_000)
    await clock.advance(0.1)
    expect(sink.revisions).toEqual(['1', '3'])
    Object.assign(world, { revision: 4, digest: 'd4' })
    stream.markDirty(3_000)
    stream.markDirty(9_000)
    await clock.advance(3.1)
    expect(sink.revisions).toEqual(['1', '3', '4'])
  })

  it('sends the state at once, and then what is new against what it sent last', async () => {
    const { sink, world, clock, change } = open()
    await settle()
    expect(sink.written).toEqual(['event: sync\nid: 1\ndata: {"of":"d1"}\n\n'])
    change(2)
    await clock.advance(1)
    expect(sink.written.at(-1)).toBe('event: change\nid: 2\ndata: {"of":"d2"}\n\n')
    expect(world.bases).toMatchObject([undefined, { revision: 1, digest: 'd1' }])
  })

  it('begins with what the agent says it has, and tells it at once when that is the newest', async () => {
    const claim = { revision: 1, digest: 'd1' }
    const { sink, world } = open({ claim })
    await settle()
    expect(world.bases).toEqual([claim])
    expect(sink.written).toEqual(['event: current\nid: 1\ndata: {"of":"d1"}\n\n'])
    const behind = open({ claim: { revision: 0, digest: 'd0' } })
    await settle()
    expect(behind.sink.written).toEqual(['event: change\nid: 1\ndata: {"of":"d1"}\n\n'])
  })

  it('sends changes that come together as one', async () => {
    const { sink, clock, change } = open()
    await settle()
    for (let revision = 2; revision <= 10; revision++) change(revision)
    await clock.advance(0.019)
    expect(sink.revisions).toEqual(['1'])
    await clock.advance(0.001)
    expect(sink.revisions).toEqual(['1', '10'])
  })

  it('sends nothing when only the revision differs', async () => {
    const { sink, clock, change, world } = open()
    await settle()
    change(2, true)
    await clock.advance(1)
    expect(world.reads).toBe(2)
    expect(sink.revisions).toEqual(['1'])
  })

  it('reads again what changed while it was reading', async () => {
    const { sink, clock, change } = open()
    // The first read has not come back yet.
    change(2)
    await clock.advance(1)
    expect(sink.revisions.at(-1)).toBe('2')
  })

  it('queues nothing for a peer that does not keep up, and sends the newest when it does', async () => {
    const { sink, clock, change } = open()
    await settle()
    sink.accepts = false
    change(2)
    await clock.advance(1)
    for (let revision = 3; revision <= 50; revision++) {
      change(revision)
      await clock.advance(0.1)
    }
    expect(sink.revisions).toEqual(['1', '2'])
    sink.accepts = true
    sink.drain()
    await settle()
    expect(sink.revisions).toEqual(['1', '2', '50'])
  })

  it('tells every fifteen seconds what the agent should have, as of which revision', async () => {
    const { sink, clock, change } = open()
    await clock.advance(16)
    change(7, true)
    await clock.advance(16)
    const mark = (revision: number) =>
      `event: current\nid: ${revision}\ndata: {"revision":${revision},"digest":"d1"}\n\n`
    expect(sink.written.slice(1)).toEqual([mark(1), mark(7)])
  })

  it('shows that it is alive while it still reads the first time', async () => {
    const { sink, clock, world } = open()
    world.failure = undefined
    const slow = new FakeSink()
    const never = new Promise<SyncAnswer>(() => {})
    const options = { sink: slow, clock, expiresAt: clock.now() + 60, read: () => never, claim: undefined }
    new SyncStream({ ...options, onFailure: () => {} })
    await clock.advance(15)
    expect(slow.written).toEqual([': alive\n\n'])
    expect(sink.written).toHaveLength(2)
  })

  it('gives up on a peer that reads nothing for a minute', async () => {
    const { sink, clock, change } = open()
    await settle()
    sink.accepts = false
    change(2)
    await clock.advance(59)
    expect(sink.isEnded).toBe(false)
    await clock.advance(16)
    expect(sink.isEnded).toBe(true)
  })

  it('ends when the certificate of the peer does', async () => {
    const { sink, clock } = open({ expiresAfter: 59 })
    await clock.advance(59)
    expect(sink.isEnded).toBe(false)
    await clock.advance(1)
    expect(sink.isEnded).toBe(true)
  })

  it('goes on in the last second of the certificate, as requests do', async () => {
    const { sink, clock } = open({ expiresAfter: 60 })
    await clock.advance(60)
    expect(sink.isEnded).toBe(false)
  })

  it('ends when the state cannot be read, and says why', async () => {
    const { sink, clock, change, world } = open()
    await settle()
    world.failure = new Error('banned')
    change(2)
    await clock.advance(1)
    expect(sink.isEnded).toBe(true)
    expect(world.failures).toEqual([world.failure])
  })

  it('leaves nothing behind when closed, even while it reads', async () => {
    const { sink, clock, stream, change } = open()
    change(2)
    stream.close()
    await clock.advance(100)
    expect(sink.written).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    expect(sink.isEnded).toBe(true)
  })
})
