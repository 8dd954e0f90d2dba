import { EventEmitter } from 'node:events'
import { create } from '@bufbuild/protobuf'
import { FakeClock, settle } from '@countersign/testing'
import { type BidiStreamingCall, MalformedRequest, type Received } from '@countersign/workload-api/server'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { EntryIndex } from '../issuance/entry-index.ts'
import { LogLimit } from '../log-limit.ts'
import { fakeSecrets } from '../test-support/fake-secrets.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { PushSchedule } from '../workload-api/push-schedule.ts'
import { permissionDenied, unavailable } from '../workload-api/rpc-error.ts'
import { type DiscoveryContext, serveDiscovery } from './discovery-stream.ts'
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { WorldSession } from './world-session.ts'

/** The server's side of a call whose other side reads when told to. */
class FakeCall extends EventEmitter {
  readonly written: DiscoveryResponse[] = []
  readonly #unread: (() => void)[] = []
  ended = false

  write(message: DiscoveryResponse, done: () => void): boolean {
    this.written.push(message)
    this.#unread.push(done)
    return false
  }

  end(): void {
    this.ended = true
  }

  read(): void {
    this.#unread.shift()?.()
  }

  send(...resourceNames: string[]): void {
    const responseNonce = this.written.at(-1)?.nonce ?? ''
    this.emit('data', create(DiscoveryRequestSchema, { resourceNames, responseNonce }))
  }

  refuse(...resourceNames: string[]): void {
    const responseNonce = this.written.at(-1)?.nonce ?? ''
    const errorDetail = { code: 13, message: 'cannot use it' }
    this.emit('data', create(DiscoveryRequestSchema, { resourceNames, responseNonce, errorDetail }))
  }
}

function start(options: { isFull?: boolean } = {}) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const pushes = new PushSchedule({ clock, random: () => 0.5 })
  let streams = 0
  const world = {
    version: 1,
    readings: 0,
    freshUntil: Number.POSITIVE_INFINITY,
    failure: undefined as Error | undefined,
    whileReading: async () => {},
    isFull: options.isFull ?? false,
  }
  const view = { bundles: new Map(), entries: new EntryIndex([]) }
  const context = {
    callers: {
      async resolve() {
        if (world.failure !== undefined) throw world.failure
        return { peer: { pid: 7, uid: 1000 }, selectors: [], entries: [], view }
      },
      admit() {
        if (world.isFull) throw unavailable('too many streams are open')
        streams += 1
        return () => {
          streams -= 1
        }
      },
    },
    secrets: {
      async read(_caller: unknown, { names }: { names: ReadonlySet<string> }) {
        world.readings += 1
        const versions = Object.fromEntries([...names].map((name) => [name, String(world.version)]))
        await world.whileReading()
        return { resources: fakeSecrets(versions), freshUntil: world.freshUntil }
      },
    },
    pushes,
    state: { view },
    trustDomain: 'example.org',
    isPlain: false,
    rejections: new LogLimit(clock),
    clock,
    log,
  } as unknown as DiscoveryContext
  const call = new FakeCall()
  const errors: unknown[] = []
  call.on('error', (error) => errors.push(error))
  const stream = call as unknown as BidiStreamingCall<Received<DiscoveryRequest>, DiscoveryResponse>
  serveDiscovery(context, stream, (onRejection) => new WorldSession(onRejection))
  const change = () => {
    world.version += 1
    pushes.announce()
    return settle()
  }
  return { call, world, change, errors, clock, log, open: () => [streams, pushes.followers] }
}

/** A stream on which one secret has been asked for, sent and read. */
async function startServing() {
  const started = start()
  started.call.send('default')
  await settle()
  started.call.read()
  await settle()
  expect(started.call.written).toHaveLength(1)
  return started
}

describe('serveDiscovery', () => {
  it('says nothing, and asks nobody, before it is asked', async () => {
    const { call, world, change } = start()
    await change()
    expect([world.readings, call.written]).toEqual([0, []])
  })

  it('answers an acknowledgement with nothing, and a change with a response', async () => {
    const { call, world, change } = await startServing()
    call.send('default')
    await settle()
    expect(world.readings).toBe(1)
    await change()
    expect(call.written).toHaveLength(2)
  })

  it('keeps one response for a client that never reads, and then sends the newest state', async () => {
    const { call, world, change } = start()
    call.send('default')
    await settle()
    for (let count = 0; count < 100; count++) await change()
    expect([call.written.length, world.readings]).toEqual([1, 1])
    call.read()
    await settle()
    expect([call.written.length, world.readings]).toEqual([2, 2])
  })

  it('does not spin for a client that refuses for ever, and ends its stream when it asks too often', async () => {
    const { call, world, errors, log } = await startServing()
    for (let count = 0; count < 150; count++) call.refuse('default')
    await settle()
    expect([call.written.length, world.readings, errors]).toEqual([1, 1, []])
    const lines = log.with('SDS client rejected what it was sent')
    expect(lines).toHaveLength(10)
    expect(lines[0]).toMatchObject({ fields: { pid: 7, uid: 1000, reason: '13: cannot use it' } })
    for (let count = 0; count < 10_000; count++) call.refuse('default')
    expect(errors).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }])
  })

  it('lets a client refuse for ever that does so slowly, and sends it what changes', async () => {
    const { call, change, errors, clock } = await startServing()
    for (let count = 0; count < 1000; count++) {
      await clock.advance(1)
      call.refuse('default')
    }
    await change()
    expect([call.written.length, errors]).toEqual([2, []])
  })

  it('does not answer with what was read before another name was wanted', async () => {
    const { call, world } = start()
    world.whileReading = async () => {
      world.whileReading = async () => {}
      call.send('default', 'ROOTCA')
    }
    call.send('default')
    await settle()
    expect(call.written.map(({ resources }) => resources.length)).toEqual([2])
  })

  it('does not miss a change that comes while it reads', async () => {
    const { call, world, change } = start()
    world.whileReading = async () => {
      world.whileReading = async () => {}
      change()
    }
    call.send('default')
    await settle()
    call.read()
    await settle()
    expect(world.readings).toBe(2)
  })

  it('reads again when what it sent is no longer fresh, but not without a pause', async () => {
    const { call, world, clock } = start()
    world.freshUntil = 0
    call.send('default')
    await settle()
    call.read()
    await settle()
    expect(world.readings).toBe(1)
    await clock.advance(3)
    expect([world.readings, call.written.length]).toEqual([4, 1])
  })

  it('ends with the reason why there is nothing any more', async () => {
    const { world, change, errors } = await startServing()
    world.failure = permissionDenied('no identity issued')
    await change()
    expect(errors).toMatchObject([{ code: status.PERMISSION_DENIED, details: 'no identity issued' }])
  })

  it('says that a request cannot be decoded, and listens no more', async () => {
    const { call, world, errors, change } = await startServing()
    call.emit('data', new MalformedRequest())
    call.send('default', 'ROOTCA')
    await change()
    expect(errors).toMatchObject([{ code: status.INVALID_ARGUMENT, details: 'request cannot be decoded' }])
    expect(world.readings).toBe(1)
  })

  it('is refused when too many streams are open, and then counts nowhere', async () => {
    const { call, errors, open } = start({ isFull: true })
    call.send('default')
    await settle()
    expect(errors).toMatchObject([{ code: status.UNAVAILABLE, details: 'too many streams are open' }])
    expect([call.written, open()]).toEqual([[], [0, 0]])
  })

  it('ends when the client has no more to say', async () => {
    const { call, open } = await startServing()
    expect(open()).toEqual([1, 1])
    call.emit('end')
    await settle()
    expect([call.ended, open()]).toEqual([true, [0, 0]])
  })

  it.each(['cancelled', 'close'])('leaves nothing behind when the call is %s, whether read or not', async (event) => {
    for (const read of [true, false]) {
      const { call, world, open, clock, change, errors } = start()
      world.freshUntil = 1_900_000_000
      call.send('default')
      await settle()
      if (read) call.read()
      await settle()
      call.emit(event)
      await settle()
      expect([open(), clock.pendingTimers]).toEqual([[0, 0], 0])
      await change()
      expect([world.readings, errors]).toEqual([1, []])
    }
  })
})
