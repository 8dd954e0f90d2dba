import { EventEmitter } from 'node:events'
import { create } from '@bufbuild/protobuf'
import { FakeClock, settle } from '@countersign/testing'
import {
  type X509BundlesRequest,
  type X509BundlesResponse,
  X509BundlesResponseSchema,
} from '@countersign/workload-api/server'
import { Metadata, type ServerWritableStream, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { ConnectionCounter } from '../socket/connection-limits.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { handleStream } from './handle-stream.ts'
import { PushSchedule } from './push-schedule.ts'
import { permissionDenied } from './rpc-error.ts'
import type { ServiceContext } from './service-context.ts'

/** The server's side of a call whose other side reads when told to. */
class FakeCall extends EventEmitter {
  getPath(): string {
    return '/SpiffeWorkloadAPI/FetchX509Bundles'
  }

  readonly metadata = new Metadata()
  readonly request = { $typeName: 'X509BundlesRequest' }
  readonly written: X509BundlesResponse[] = []
  readonly #unread: (() => void)[] = []

  constructor() {
    super()
    this.metadata.set('workload.spiffe.io', 'true')
  }

  write(message: X509BundlesResponse, done: () => void): boolean {
    this.written.push(message)
    this.#unread.push(done)
    return false
  }

  read(): void {
    this.#unread.shift()?.()
  }
}

function start(options: { freshUntil?: number } = {}) {
  const clock = new FakeClock()
  const world = { content: 1, snapshots: 0, failure: undefined as Error | undefined }
  const pushes = new PushSchedule({ clock, random: () => 0.5 })
  const view = { bundles: new Map(), entries: { match: () => [] } }
  const streams = new ConnectionCounter({ total: 1, perUid: 1 })
  const context = {
    callers: {
      resolve: async () => ({ entries: [], selectors: [], view }),
      admit: () => (streams.tryAdd(1) ? () => streams.remove(1) : () => expect.unreachable('full')),
    },
    state: { view },
    pushes,
    trustDomain: 'example.org',
    clock,
    log: new RecordingLogger(),
  } as unknown as ServiceContext
  const handler = handleStream<X509BundlesRequest, typeof X509BundlesResponseSchema>(context, {
    schema: X509BundlesResponseSchema,
    async snapshot() {
      world.snapshots += 1
      if (world.failure !== undefined) throw world.failure
      const message = create(X509BundlesResponseSchema, { bundles: { content: Uint8Array.of(world.content) } })
      return { message, freshUntil: options.freshUntil ?? Number.POSITIVE_INFINITY }
    },
  })
  const call = new FakeCall()
  const errors: unknown[] = []
  call.on('error', (error) => errors.push(error))
  handler(call as unknown as ServerWritableStream<X509BundlesRequest, X509BundlesResponse>)
  const change = (content: number) => {
    world.content = content
    pushes.announce()
  }
  const contents = () => call.written.map(({ bundles }) => bundles['content']?.[0])
  return { call, world, change, contents, errors, clock, pushes, streams }
}

describe('handleStream', () => {
  it('keeps one message for a caller that does not read, and then sends the newest state', async () => {
    const { call, world, change, contents } = start()
    await settle()
    for (let content = 2; content <= 100; content++) {
      change(content)
      await settle()
    }
    expect(contents()).toEqual([1])
    expect(world.snapshots).toBe(1)
    call.read()
    await settle()
    expect(contents()).toEqual([1, 100])
    expect(world.snapshots).toBe(2)
  })

  it('does not repeat what the caller has', async () => {
    const { call, world, change, contents } = start()
    await settle()
    call.read()
    change(1)
    await settle()
    expect(world.snapshots).toBe(2)
    expect(contents()).toEqual([1])
  })

  it('looks again when the state is no longer fresh, but not without a pause', async () => {
    const { call, world, clock } = start({ freshUntil: 0 })
    await settle()
    call.read()
    await settle()
    expect(world.snapshots).toBe(1)
    await clock.advance(3)
    expect(world.snapshots).toBe(4)
  })

  it('does not miss a change that comes while a snapshot is taken', async () => {
    const { call, change, contents } = start()
    change(2)
    await settle()
    call.read()
    await settle()
    call.read()
    change(3)
    await settle()
    expect(contents().at(-1)).toBe(3)
  })

  it('ends with the status of a later failure', async () => {
    const { call, world, change, errors } = start()
    await settle()
    call.read()
    world.failure = permissionDenied('no identity issued')
    change(2)
    await settle()
    expect(errors).toMatchObject([{ code: status.PERMISSION_DENIED }])
  })

  it.each(['cancelled', 'close'])('leaves nothing behind when the call is %s', async (event) => {
    const { call, change, pushes, streams, world, clock } = start({ freshUntil: 1_800_000_000 })
    await settle()
    call.read()
    await settle()
    expect(pushes.followers).toBe(1)
    call.emit(event)
    await settle()
    expect(pushes.followers).toBe(0)
    expect(streams.total).toBe(0)
    expect(clock.pendingTimers).toBe(0)
    change(2)
    await settle()
    expect(world.snapshots).toBe(1)
  })

  it('ends for a caller that goes away without having read', async () => {
    const { call, pushes } = start()
    await settle()
    call.emit('cancelled')
    await settle()
    expect(pushes.followers).toBe(0)
  })
})
