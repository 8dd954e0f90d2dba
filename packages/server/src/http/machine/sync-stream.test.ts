import type { SyncState } from '@countersign/api'
import { FakeClock, settle } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
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
    return this.written.filter((text) => text.startsWith('event')).map((text) => /id: (\d+)/.exec(text)?.[1] ?? '')
  }
}

function open({ expiresAfter = 3600 } = {}) {
  const clock = new FakeClock()
  const sink = new FakeSink()
  const state: SyncState = { revision: 1, trustDomain: 'example.org', entries: [], bundles: [] }
  const world = { state, reads: 0, failure: undefined as Error | undefined, failures: [] as unknown[] }
  const stream = new SyncStream({
    sink,
    clock,
    expiresAt: clock.now() + expiresAfter,
    read: async () => {
      world.reads++
      await settle(1)
      if (world.failure !== undefined) throw world.failure
      return world.state
    },
    onFailure: (error) => world.failures.push(error),
  })
  const change = (revision: number, isOther = false) => {
    const bundles = isOther ? world.state.bundles : [{ trustDomain: `d${revision}`, bundle: { keys: [] } }]
    world.state = { ...world.state, revision, bundles }
    stream.markDirty()
  }
  return { clock, sink, world, stream, change }
}

describe('SyncStream', () => {
  it('waits when all agents are told, but not with a change of its own', async () => {
    const { clock, sink, world, stream, change } = open()
    await settle()
    world.state = { ...world.state, revision: 2, bundles: [{ trustDomain: 'a', bundle: { keys: [] } }] }
    stream.markDirty(3_000)
    await clock.advance(2)
    expect(sink.revisions).toEqual(['1'])
    change(3)
    stream.markDirty(3_000)
    await clock.advance(0.1)
    expect(sink.revisions).toEqual(['1', '3'])
    world.state = { ...world.state, revision: 4, bundles: [] }
    stream.markDirty(3_000)
    stream.markDirty(9_000)
    await clock.advance(3.1)
    expect(sink.revisions).toEqual(['1', '3', '4'])
  })

  it('sends the state at once', async () => {
    const { sink, world } = open()
    await settle()
    expect(sink.written).toEqual([`event: sync\nid: 1\ndata: ${JSON.stringify(world.state)}\n\n`])
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

  it('shows that it is alive every fifteen seconds', async () => {
    const { sink, clock } = open()
    await clock.advance(46)
    expect(sink.written.slice(1)).toEqual([': alive\n\n', ': alive\n\n', ': alive\n\n'])
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

  it('writes a state as text once, however large', async () => {
    const { sink, clock, stream, world } = open()
    await settle()
    let times = 0
    const toJSON = () => {
      times++
      return { trustDomain: 'd2', bundle: { keys: [] } }
    }
    const bundle = { trustDomain: 'd2', bundle: { keys: [] }, toJSON }
    world.state = { ...world.state, revision: 2, bundles: [bundle] }
    stream.markDirty()
    await clock.advance(1)
    expect(times).toBe(1)
    expect(JSON.parse(/^data: (.*)$/m.exec(sink.written.at(-1) ?? '')?.[1] ?? '')).toEqual({
      ...world.state,
      bundles: [toJSON()],
    })
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
