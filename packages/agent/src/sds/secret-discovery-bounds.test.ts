import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { eventually, reader, startReadyWorld, type World } from '../test-support/running-agent.ts'
import { connectSds, secretsIn } from '../test-support/sds-client.ts'

const web = entry('e1', '/web')

async function start() {
  const world = await startReadyWorld({ prepare: (server) => server.set({ entries: [web] }) })
  return { world, sds: connectSds(world.config.socket) }
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`)

/** A younger identity: a change to the state, and none to what `default` stands for. */
const changeNothing = (world: World, id: string) =>
  world.server.change(() => world.server.set({ entries: [web, entry(id, `/${id}`, { createdAt: 1_700_000_000 })] }))

/** The oldest identity from now on. */
const changeDefault = (world: World, id: string) =>
  world.server.change(() => world.server.set({ entries: [web, entry(id, `/${id}`, { createdAt: 1 })] }))

describe('a client of the Secret Discovery Service', () => {
  it('may send a node as large as that of an Envoy with much metadata', async () => {
    const { sds } = await start()
    const node = { id: 'envoy', metadata: { labels: 'a'.repeat(120_000) } }
    expect(Object.keys(secretsIn(await sds.fetch({ resourceNames: ['default'], node })))).toEqual(['default'])
  })

  it.each([
    ['1001 names', 1001, status.INVALID_ARGUMENT],
    ['100,000 names', 100_000, status.RESOURCE_EXHAUSTED],
  ])('is refused %s, and others are served on', async (_, count, code) => {
    const { world, sds } = await start()
    const [states, changes, other] = [sds.world(), sds.delta(), sds.world()]
    states.send({ resourceNames: names(count) })
    changes.send({ resourceNamesSubscribe: names(count) })
    await expect(sds.fetch({ resourceNames: names(count) })).rejects.toMatchObject({ code })
    await eventually(() => states.failure !== undefined && changes.failure !== undefined)
    expect([states.failure, changes.failure]).toMatchObject([{ code }, { code }])
    other.send({ resourceNames: ['default'] })
    await eventually(() => other.received.length === 1)
    expect((await reader(world.client().fetchX509Svid()).next()).svids).toHaveLength(1)
  })

  it('that refuses whatever it is sent is told of each change once', async () => {
    const { world, sds } = await start()
    const stream = sds.world()
    stream.call.on('data', ({ nonce }: { nonce: string }) => {
      stream.send({
        resourceNames: ['default'],
        responseNonce: nonce,
        errorDetail: { code: 3, message: 'never' },
      })
    })
    stream.send({ resourceNames: ['default'] })
    await eventually(() => world.log.with('SDS client rejected what it was sent').length === 1)
    for (const id of ['a', 'b', 'c']) changeNothing(world, id)
    changeDefault(world, 'd')
    await eventually(() => world.log.with('SDS client rejected what it was sent').length === 2)
    expect(stream.received).toHaveLength(2)
    expect(world.log.with('SDS client rejected what it was sent')[0]?.fields).toMatchObject({
      pid: process.pid,
      reason: '3: never',
    })
  })

  it('that asks without a pause loses its stream, and may open another', async () => {
    const { sds } = await start()
    const stream = sds.delta()
    for (let count = 0; count < 300; count++) stream.send({ resourceNamesSubscribe: [`name-${count % 2}`] })
    await eventually(() => stream.failure !== undefined)
    expect(stream.failure).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    const next = sds.delta()
    next.send({ resourceNamesSubscribe: ['default'] })
    await eventually(() => next.received.length === 1)
  })

  it('that goes away leaves nothing behind that would still be worked for', async () => {
    const { world, sds } = await start()
    const streams = Array.from({ length: 50 }, () => sds.world())
    for (const stream of streams) stream.send({ resourceNames: ['default'] })
    await eventually(() => streams.every(({ received }) => received.length === 1))
    for (const { call } of streams) call.cancel()
    await eventually(() => streams.every(({ failure }) => failure?.code === status.CANCELLED))
    const watcher = sds.world()
    watcher.send({ resourceNames: ['default'] })
    await eventually(() => watcher.received.length === 1)
    await world.clock.advance(6)
    const before = world.programs.attestations
    changeDefault(world, 'd')
    await eventually(() => watcher.received.length === 2)
    expect(world.programs.attestations - before).toBe(1)
  })
})
