/** How calls end that are not answered. Clients of other makers act on nothing but the code: the table is theirs. */
import type { WorkloadApiClient } from '@countersign/workload-api'
import { WorkloadApiError, workloadApiMethods } from '@countersign/workload-api'
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AgentView } from '../state/agent-state.ts'
import { entry } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, startWorld, type World } from '../test-support/running-agent.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import { readyBundles, readyX509Bundles } from './visible-bundles.ts'

const web = entry('e1', '/web')
const withEntries = (...entries: (typeof web)[]) => ({ prepare: (server: World['server']) => server.set({ entries }) })

const SVID_CALLS = {
  FetchX509SVID: (client: WorkloadApiClient) => reader(client.fetchX509Svid()).next(),
  FetchJWTSVID: (client: WorkloadApiClient) => client.fetchJwtSvid({ audience: ['a'] }),
  FetchWITSVID: (client: WorkloadApiClient) => reader(client.fetchWitSvid()).next(),
}
const ALL_CALLS = {
  ...SVID_CALLS,
  FetchX509Bundles: (client: WorkloadApiClient) => reader(client.fetchX509Bundles()).next(),
  FetchJWTBundles: (client: WorkloadApiClient) => reader(client.fetchJwtBundles()).next(),
  ValidateJWTSVID: (client: WorkloadApiClient) => client.validateJwtSvid({ audience: 'a', svid: 'x.y.z' }),
  FetchWITBundles: (client: WorkloadApiClient) => reader(client.fetchWitBundles()).next(),
}

/** How each call ends, by its name. */
async function endings(client: WorkloadApiClient, calls: Partial<typeof ALL_CALLS>): Promise<Record<string, string>> {
  const ended = Object.entries(calls).map(async ([name, call]) => {
    const error = await call(client).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    return [name, error instanceof WorkloadApiError ? error.code : 'answered'] as const
  })
  return Object.fromEntries(await Promise.all(ended))
}

const all = (calls: object, code: string) => Object.fromEntries(Object.keys(calls).map((name) => [name, code]))
const UNAVAILABLE = 'ERR_WORKLOAD_API_UNAVAILABLE'
const DENIED = 'ERR_WORKLOAD_API_DENIED'

describe('what may pass is UNAVAILABLE', () => {
  it('an agent that starts', async () => {
    const world = await startWorld({ tokens: [] })
    expect(await endings(world.client(), ALL_CALLS)).toEqual(all(ALL_CALLS, UNAVAILABLE))
  })

  it.each([
    ['says that it cannot', (world: World) => Object.assign(world.programs, { fail: true })],
    [
      'fails with what nobody foresaw',
      (world: World) => {
        world.programs.selectors = () => {
          throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
        }
      },
    ],
  ])('an attestor that %s', async (_, breakIt) => {
    const world = await startReadyWorld(withEntries(web))
    breakIt(world)
    expect(await endings(world.client(), ALL_CALLS)).toEqual(all(ALL_CALLS, UNAVAILABLE))
  })

  it.each([
    ['fails', (world: World) => world.server.set({ failing: true })],
    ['has no such entry any more', (world: World) => world.server.set({ entries: [] })],
    ['is away', (world: World) => world.server.down()],
    [
      'speaks nonsense',
      (world: World) => {
        world.server.override = (_, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end('nonsense')
          return true
        }
      },
    ],
  ])('a server that %s', async (_, breakIt) => {
    const world = await startReadyWorld(withEntries(web))
    await breakIt(world)
    expect(await endings(world.client(), SVID_CALLS)).toEqual(all(SVID_CALLS, UNAVAILABLE))
  })

  it('more streams of one user than there may be', async () => {
    const world = await startReadyWorld({ ...withEntries(web), limits: { streamsPerUser: 1 } })
    await reader(world.client().fetchX509Svid()).next()
    const streams = {
      FetchX509SVID: ALL_CALLS.FetchX509SVID,
      FetchX509Bundles: ALL_CALLS.FetchX509Bundles,
      FetchJWTBundles: ALL_CALLS.FetchJWTBundles,
      FetchWITSVID: ALL_CALLS.FetchWITSVID,
      FetchWITBundles: ALL_CALLS.FetchWITBundles,
    }
    expect(await endings(world.client(), streams)).toEqual(all(streams, UNAVAILABLE))
  })

  it('a token of a domain that the program federates with, whose bundle has not come yet', async () => {
    const world = await startReadyWorld(withEntries(entry('e1', '/web', { federatesWith: ['other.example'] })))
    const validate = async (trustDomain: string) => {
      const authority = await TestAuthority.create(trustDomain, () => world.clock.now())
      const { token } = await authority.jwt(`spiffe://${trustDomain}/x`, ['a'], 60)
      return world.client().validateJwtSvid({ audience: 'a', svid: token })
    }
    await expect(validate('other.example')).rejects.toMatchObject({ code: UNAVAILABLE })
    await expect(validate('third.example')).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_INVALID_ARGUMENT' })
  })

  it('the own bundle when it is not known, or holds no certificate', () => {
    const unavailable = expect.objectContaining({ code: status.UNAVAILABLE })
    const seen = (bundles: AgentView['bundles']) => ({ entries: [], view: { bundles } as AgentView })
    expect(() => readyBundles(seen(new Map()), 'example.org')).toThrow(unavailable)
    const empty = { trustDomain: 'example.org', x509Authorities: [], jwtAuthorities: [], witAuthorities: [] }
    expect(() => readyX509Bundles(seen(new Map([['example.org', empty]])), 'example.org')).toThrow(unavailable)
  })
})

describe('what the program is not entitled to is PERMISSION_DENIED', () => {
  it('a program without an entry', async () => {
    const world = await startReadyWorld()
    expect(await endings(world.client(), ALL_CALLS)).toEqual(all(ALL_CALLS, DENIED))
  })

  it('every program of an agent that the server has banned, in mid-stream too', async () => {
    const world = await startReadyWorld(withEntries(web))
    const stream = reader(world.client().fetchX509Svid())
    await stream.next()
    const ended = expect(stream.next()).rejects.toMatchObject({ code: DENIED, detail: 'no identity issued' })
    world.server.set({ banned: true })
    world.server.endStreams()
    await world.clock.advance(2)
    await ended
    expect(await endings(world.client(), ALL_CALLS)).toEqual(all(ALL_CALLS, DENIED))
  })
})

describe('the other codes', () => {
  it('are UNIMPLEMENTED for a method that there is not', async () => {
    const world = await startReadyWorld(withEntries(web))
    const client = new Client(`unix:${world.config.socket}`, credentials.createInsecure())
    onTestFinished(() => client.close())
    const same = (bytes: Buffer) => bytes
    const error = await new Promise<ServiceError | null>((resolve) => {
      const path = '/SpiffeWorkloadAPI/FetchNothing'
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), new Metadata(), (failure) => resolve(failure))
    })
    expect(error?.code).toBe(status.UNIMPLEMENTED)
  })

  it('leave nothing open, and nothing in the log, when the client cancels', async () => {
    const world = await startReadyWorld({ ...withEntries(web), config: { seal: { enabled: false } } })
    const before = world.log.records.length
    const cancel = new AbortController()
    const stream = reader(world.client().fetchX509Svid(cancel.signal))
    await stream.next()
    const timers = world.clock.pendingTimers
    cancel.abort()
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_CANCELLED' })
    await eventually(() => world.clock.pendingTimers < timers, 'the timer of the stream is gone')
    expect(world.log.records.slice(before).filter(({ level }) => level !== 'debug')).toEqual([])
  })

  it('cover all methods', () => {
    const names = Object.values(workloadApiMethods).map(({ originalName }) => originalName)
    expect(Object.keys(ALL_CALLS).sort()).toEqual(names.sort())
  })
})
