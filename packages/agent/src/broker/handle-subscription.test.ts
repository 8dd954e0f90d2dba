import { EventEmitter } from 'node:events'
import { create } from '@bufbuild/protobuf'
import type { Entry } from '@countersign/api'
import { FakeClock, settle } from '@countersign/testing'
import {
  referToPid,
  type SubscribeToX509BundlesRequest,
  type SubscribeToX509BundlesResponse,
  SubscribeToX509BundlesResponseSchema,
} from '@countersign/workload-api/broker'
import type { Received } from '@countersign/workload-api/server'
import { type ServerWritableStream, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { AgentError } from '../agent-error.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { type Follower, PushSchedule } from '../workload-api/push-schedule.ts'
import { BrokerAudit } from './broker-audit.ts'
import type { BrokerContext } from './broker-context.ts'
import { handleSubscription } from './handle-subscription.ts'
import { KeyedLimit } from './keyed-limit.ts'

type Call = ServerWritableStream<Received<SubscribeToX509BundlesRequest>, SubscribeToX509BundlesResponse>

/** The server's side of a call. */
class FakeCall extends EventEmitter {
  readonly request: { readonly reference?: ReturnType<typeof referToPid> }
  readonly errors: unknown[] = []
  written = 0
  /** Whether the other side reads. */
  reads = true

  constructor(pid: number | undefined) {
    super()
    this.request = pid === undefined ? {} : { reference: referToPid(pid) }
    this.on('error', (error) => this.errors.push(error))
  }

  getPath = () => '/spiffe.broker.API/SubscribeToX509Bundles'
  getHost = () => 'key'

  write(_message: unknown, done: () => void): boolean {
    this.written += 1
    if (this.reads) done()
    return true
  }
}

/** A schedule that lets its followers be asked. */
class OpenSchedule extends PushSchedule {
  readonly all: Follower[] = []

  override add(follower: Follower): () => void {
    this.all.push(follower)
    return super.add(follower)
  }
}

const given = { id: 'e1', spiffeId: 'spiffe://example.org/shop' } as Entry
const kept = { id: 'e2', spiffeId: 'spiffe://example.org/admin' } as Entry

/** A stream about a process with two identities, of which the broker may have one. */
function subscribe(pid: number | undefined = 7, reads = true) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const pushes = new OpenSchedule({ clock, random: () => 0.5 })
  const calls = new KeyedLimit({ total: 2, perKey: 1 })
  const world = { entries: [given, kept], holds: 0, snapshots: 0, end: () => {} }
  const view = { bundles: new Map(), entries: { match: () => world.entries } }
  const peer = { pid: 7, uid: 1, gid: 1, startTime: '1', isAlive: () => true }
  const context = {
    gate: {
      admit: () => ({
        connection: { id: 'spiffe://example.org/mesh/proxy', remote: { text: 'unix', sharesPids: true } },
        grant: { allowsReference: () => true },
      }),
    },
    processes: {
      acquire: (wanted: number, onEnd: () => void) => {
        if (wanted === 8) throw new AgentError('ERR_AGENT_BUSY', 'too many processes are looked at')
        world.end = onEnd
        world.holds += 1
        return { peer: () => peer, release: () => (world.holds -= 1) }
      },
    },
    workloads: {
      resolve: async () => {
        const program = { peer, selectors: [], entries: world.entries, view, explainRefusal: () => {} }
        return { caller: { ...program, entries: [given] }, program, withheld: [kept.spiffeId] }
      },
    },
    audit: new BrokerAudit(clock, log),
    calls,
    state: { view },
    pushes,
    trustDomain: 'example.org',
    clock,
    log,
  } as unknown as BrokerContext
  const handler = handleSubscription<SubscribeToX509BundlesRequest, typeof SubscribeToX509BundlesResponseSchema>(
    context,
    {
      schema: SubscribeToX509BundlesResponseSchema,
      async snapshot() {
        world.snapshots += 1
        return { message: create(SubscribeToX509BundlesResponseSchema), freshUntil: Number.POSITIVE_INFINITY }
      },
    },
  )
  const call = new FakeCall(pid)
  call.reads = reads
  handler(call as unknown as Call)
  const held = () => ({ calls: calls.total, processes: world.holds, followers: pushes.followers })
  return { call, world, clock, pushes, held }
}

const nothing = { calls: 0, processes: 0, followers: 0 }

describe('a subscription of a broker', () => {
  it('leaves nothing behind when it is refused', () => {
    const { call, held } = subscribe(0)
    expect(call.errors).toMatchObject([{ code: status.INVALID_ARGUMENT, reason: 'WORKLOAD_REFERENCE_INVALID' }])
    expect(held()).toEqual(nothing)
  })

  it('is told to try again when the agent cannot hold one process more', () => {
    const { call, held } = subscribe(8)
    expect(call.errors).toMatchObject([{ code: status.UNAVAILABLE }])
    expect(held()).toEqual(nothing)
  })

  it('ends with its process, also while the broker does not read', async () => {
    const { call, held, world, clock } = subscribe(7, false)
    await settle()
    expect([call.written, held()]).toEqual([1, { calls: 1, processes: 1, followers: 1 }])
    world.end()
    await settle()
    expect(call.errors).toMatchObject([{ code: status.NOT_FOUND, reason: 'WORKLOAD_NOT_FOUND' }])
    expect(held()).toEqual(nothing)
    expect(clock.pendingTimers).toBe(0)
  })

  it.each(['cancelled', 'close'])('leaves nothing behind when the call is %s', async (event) => {
    const { call, held, clock } = subscribe()
    await settle()
    expect(held()).toEqual({ calls: 1, processes: 1, followers: 1 })
    call.emit(event)
    expect(held()).toEqual(nothing)
    expect(clock.pendingTimers).toBe(0)
    expect(call.errors).toEqual([])
  })

  it('looks at the workload once a minute though nothing happens, and repeats nothing', async () => {
    const { call, world, clock } = subscribe()
    await settle()
    await clock.advance(59)
    expect(world.snapshots).toBe(1)
    await clock.advance(1)
    expect(world.snapshots).toBe(2)
    expect(call.written).toBe(1)
  })

  it('is concerned by what happens to its workload, identities that are kept from it included', async () => {
    const { world, pushes } = subscribe()
    await settle()
    const [follower] = pushes.all
    expect(follower?.isConcerned()).toBe(false)
    world.entries = [given]
    expect(follower?.isConcerned()).toBe(true)
  })
})
