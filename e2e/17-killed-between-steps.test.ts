/**
 * A server is killed within each step of a signing key's life, at every point between two durable things. The same command, given
 * again after the restart, has the same outcome; nothing is lost, and no key is left that nobody knows.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type DrivenServer, type DriveOptions, ServerFolder } from './support/driven-server.ts'
import type { Reply } from './support/http.ts'
import { NodeClient } from './support/node-client.ts'

let folder: ServerFolder
let server: DrivenServer
afterEach(() => folder.remove())

type Authority = { readonly id: string; readonly kind: string; readonly state: string; readonly taintedAt?: number }

const list = async (): Promise<Authority[]> => (await server.admin('/v1/authorities')).body.authorities
const published = async () => (await list()).filter(({ state }) => state !== 'revoked')
const keys = () => readdirSync(join(folder.dataDir, 'keys')).map((name) => name.replace('.json', ''))

/** Gives a command to a server that dies within it, and starts the next one. */
async function killedWithin(dieAt: DriveOptions['dieAt'], path: string, body: object): Promise<void> {
  await server.program.stop()
  server = await folder.start({ ...(dieAt !== undefined && { dieAt }) })
  await expect(server.admin(path, body)).rejects.toThrow()
  expect((await server.program.finished()).exitCode).toBe(null)
  server = await folder.start()
  await requireWhole()
}

/** One active key of each kind, each key known, and a server that issues. */
async function requireWhole(): Promise<void> {
  expect(await server.ready()).toBe(200)
  const present = await published()
  for (const kind of ['x509', 'jwt', 'wit']) {
    expect(present.filter((each) => each.kind === kind && each.state === 'active')).toHaveLength(1)
  }
  expect(keys().sort()).toEqual(present.map(({ id }) => id).sort())
}

async function done(path: string, body: object): Promise<Reply['body']> {
  const reply = await server.admin(path, body)
  expect(reply).toMatchObject({ status: 200 })
  await requireWhole()
  return reply.body
}

describe.each(['x509', 'jwt', 'wit'])('%s', (kind) => {
  it('prepare, activate, taint, revoke: each goes on where it was', { timeout: 420_000 }, async () => {
    folder = new ServerFolder()
    server = await folder.start()
    const first = (await published()).find((each) => each.kind === kind)?.id ?? ''

    const prepare = ['/v1/authorities/prepare', { kind }] as const
    await killedWithin({ call: 'createKey', when: 'before' }, ...prepare)
    await killedWithin({ call: 'createKey', when: 'after' }, ...prepare)
    expect(await published()).toHaveLength(3)
    await killedWithin({ state: 'prepared' }, ...prepare)
    const second = (await published()).find(({ state }) => state === 'prepared')?.id ?? ''
    expect(await done(...prepare)).toMatchObject({ id: second, state: 'prepared' })
    expect(await published()).toHaveLength(4)

    const activate = ['/v1/authorities/activate', { id: second, force: true }] as const
    await killedWithin({ call: 'getKey', when: 'before' }, ...activate)
    await killedWithin({ state: 'active' }, ...activate)
    expect(await done(...activate)).toMatchObject({ id: second, state: 'active' })

    const taint = ['/v1/authorities/taint', { id: first }] as const
    await killedWithin({ state: 'tainted' }, ...taint)
    const { taintedAt } = (await list()).find(({ id }) => id === first) ?? {}
    expect(await done(...taint)).toMatchObject({ id: first, state: 'retired', taintedAt })

    const revoke = ['/v1/authorities/revoke', { id: first, force: true }] as const
    await killedWithin({ call: 'deleteKey', when: 'before' }, ...revoke)
    await killedWithin({ call: 'deleteKey', when: 'after' }, ...revoke)
    expect(await done(...revoke)).toMatchObject({ id: first, state: 'revoked' })
    expect((await published()).map(({ id }) => id)).not.toContain(first)

    const token = (await server.admin('/v1/join-tokens', {})).body.token
    expect((await new NodeClient(server.machineUrl).attest(token)).status).toBe(200)
  })
})

it('at the very first start, killed while it makes its keys: the next start has one of each', async () => {
  folder = new ServerFolder()
  for (const dieAt of [
    { call: 'createKey', when: 'after' },
    { call: 'createKey', when: 'after', after: 1 },
    { state: 'prepared' },
    { state: 'active' },
  ] as const) {
    expect((await folder.spawn({ dieAt: { ...dieAt, atStart: true } }).finished()).exitCode).toBe(null)
  }
  server = await folder.start()
  await requireWhole()
  expect(await published()).toHaveLength(3)
})
