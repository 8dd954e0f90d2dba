/** What a team's registrar can and cannot do, over the network. */
import { describe, expect, it, vi } from 'vitest'
import { createEntry, entryFor, refusal } from '../../test-support/machine-requests.ts'
import { createAdministrator, createProgram, grantRole } from '../../test-support/test-administrator.ts'
import { startTestServer } from '../../test-support/test-server.ts'

vi.setConfig({ testTimeout: 30_000 })

async function startTeam(limits: object = {}) {
  const test = await startTestServer()
  const agent = await test.attestedAgent('/shared/node-1')
  const team = await createAdministrator(test, agent, '/team-a/ci', { role: 'registrar', prefix: '/team-a', ...limits })
  const entry = (path: string, fields: object = {}) =>
    entryFor(agent, { spiffeId: `spiffe://example.org${path}`, ...fields })
  const create = async (path: string, fields: object = {}) => {
    const reply = await team.call('/v1/entries', { body: entry(path, fields) })
    return reply.status === 201 ? 'created' : refusal(reply)
  }
  const patch = async (id: string, body: object) =>
    refusal(await team.call(`/v1/entries/${id}`, { method: 'PATCH', body }))
  const batch = async (steps: object) => {
    const { revision } = (await test.admin('/v1/entries')).body
    return team.call('/v1/entries/batch', { body: { revision, ...steps } })
  }
  const idOf = async (path: string, fields: object = {}) => (await createEntry(test, agent, entry(path, fields))).id
  return { test, agent, team, entry, create, patch, batch, idOf }
}

describe('node aliases', () => {
  const HOSTS = 'spiffe://example.org/hosts/db'
  const SERVER_ID = 'spiffe://example.org/countersign/server'
  const selectors = [{ type: 'join_token', value: 'role:db' }]

  it('are made, changed and taken away by those who run nodes, not by a registrar', async () => {
    // Of all identifiers and all parents, and still only a registrar.
    const { create, patch, batch, team, idOf } = await startTeam({ prefix: '/', parents: ['/'] })
    const alias = { parentId: SERVER_ID, selectors }
    expect(await create('/hosts/db', alias)).toBe('403 ERR_ADMIN_FORBIDDEN')
    const id = await idOf('/hosts/db', alias)
    expect(await patch(id, { selectors: [{ type: 'join_token', value: 'role:all' }] })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(refusal(await team.call(`/v1/entries/${id}`, { method: 'DELETE' }))).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(refusal(await batch({ delete: [id] }))).toBe('403 ERR_ADMIN_FORBIDDEN')
    const own = await idOf('/team-a/web')
    expect(await patch(own, { parentId: SERVER_ID })).toBe('403 ERR_ADMIN_FORBIDDEN')
  })

  it('are parents for a registrar only where its role says so, and only then are told to be missing', async () => {
    const { create, idOf, test, agent } = await startTeam()
    const other = await createAdministrator(test, agent, '/team-b/ci', {
      ...{ role: 'registrar', prefix: '/team-b', parents: ['/hosts'] },
    })
    const createAsOther = async (parentId: string) => {
      const body = entryFor(agent, { spiffeId: 'spiffe://example.org/team-b/db', parentId })
      const reply = await other.call('/v1/entries', { body })
      return reply.status === 201 ? 'created' : refusal(reply)
    }
    const missing = 'spiffe://example.org/hosts/missing'
    expect(await create('/team-a/db', { parentId: missing })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await createAsOther(missing)).toBe('400 ERR_ENTRY_PARENT')
    await idOf('/hosts/db', { parentId: SERVER_ID, selectors })
    expect(await create('/team-a/db', { parentId: HOSTS })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await createAsOther(HOSTS)).toBe('created')
    expect(await createAsOther(agent.agentId)).toBe('403 ERR_ADMIN_FORBIDDEN')
  })

  it('have their nodes given by an operator of the whole trust domain', async () => {
    const { test, agent } = await startTeam()
    const prefix = '/countersign/agent/team-a'
    const team = await createAdministrator(test, agent, '/team-a/ops', { role: 'operator', prefix })
    const whole = await createAdministrator(test, agent, '/ops', { role: 'operator', prefix: '/' })
    const body = { agentPath: '/team-a/1', selectors: ['role:db'] }
    expect((await team.call('/v1/join-tokens', { body: { agentPath: '/team-a/1' } })).status).toBe(201)
    expect(refusal(await team.call('/v1/join-tokens', { body }))).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect((await whole.call('/v1/join-tokens', { body })).status).toBe(201)
  })
})

describe('a registrar of /team-a', () => {
  it('creates, reads, changes and deletes below its prefix', async () => {
    const { team, entry } = await startTeam()
    const { body } = await team.call('/v1/entries', { body: entry('/team-a/web') })
    expect((await team.call(`/v1/entries/${body.id}`)).body).toEqual(body)
    const changed = await team.call(`/v1/entries/${body.id}`, { method: 'PATCH', body: { hint: 'a' } })
    expect(changed.body).toMatchObject({ hint: 'a' })
    expect((await team.call(`/v1/entries/${body.id}`, { method: 'DELETE' })).status).toBe(204)
  })

  it.each([
    ['another team', '/team-b/web', '403 ERR_ADMIN_FORBIDDEN'],
    ['a name that only begins like its own', '/team-ab', '403 ERR_ADMIN_FORBIDDEN'],
    ['a path that climbs out', '/team-a/../team-b', '400 ERR_ENTRY_IDENTIFIER'],
    ['an encoded path', '/team-a/%2e%2e/team-b', '400 ERR_ENTRY_IDENTIFIER'],
    ['an encoded slash', '/team-a%2fx', '400 ERR_ENTRY_IDENTIFIER'],
    ['a double slash', '//team-a/x', '400 ERR_ENTRY_IDENTIFIER'],
    ['another case', '/Team-a/x', '403 ERR_ADMIN_FORBIDDEN'],
    ['everything', '/', '400 ERR_ENTRY_IDENTIFIER'],
  ])('does not register %s', async (_name, path, expected) => {
    const { create } = await startTeam()
    expect(await create(path)).toBe(expected)
  })

  it('does not register for another trust domain', async () => {
    const { team, entry } = await startTeam()
    const body = entry('', { spiffeId: 'spiffe://partner.example/team-a/x' })
    expect(refusal(await team.call('/v1/entries', { body }))).toBe('400 ERR_ENTRY_IDENTIFIER')
  })

  it('gives nobody more than it has', async () => {
    const { create, test, agent } = await startTeam()
    expect(await create('/team-a/x', { admin: true })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/x', { downstream: true })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/x', { admin: false, downstream: false })).toBe('created')
    expect(await create('/team-a/y', { federatesWith: ['partner.example'] })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/y', { dnsNames: ['bank.example'] })).toBe('403 ERR_ADMIN_FORBIDDEN')
    // Another entry for an identity that has a role makes another program have it.
    await createProgram(test, agent, '/team-a/root', { admin: true })
    expect(await create('/team-a/root')).toBe('403 ERR_ADMIN_FORBIDDEN')
    await createProgram(test, agent, '/team-a/nested', { downstream: true })
    expect(await create('/team-a/nested')).toBe('403 ERR_ADMIN_FORBIDDEN')
    await createAdministrator(test, agent, '/team-a/watch', { role: 'viewer', prefix: '/' })
    expect(await create('/team-a/watch')).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/ci')).toBe('created')
  })

  it('does not take over an entry that says more than it could say itself', async () => {
    const { idOf, patch, team, batch, entry } = await startTeam()
    const root = await idOf('/team-a/root', { admin: true })
    expect(await patch(root, { selectors: [{ type: 'unix', value: 'uid:1' }] })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await patch(root, { admin: false })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(refusal(await team.call(`/v1/entries/${root}`, { method: 'DELETE' }))).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(refusal(await batch({ replace: [{ id: root, entry: entry('/team-a/root') }] }))).toBe(
      '403 ERR_ADMIN_FORBIDDEN',
    )
  })

  it('moves no entry out of its prefix, nor into it', async () => {
    const { idOf, patch } = await startTeam()
    const own = await idOf('/team-a/own')
    expect(await patch(own, { spiffeId: 'spiffe://example.org/team-b/own' })).toBe('403 ERR_ADMIN_FORBIDDEN')
    const foreign = await idOf('/team-b/foreign')
    expect(await patch(foreign, { spiffeId: 'spiffe://example.org/team-a/foreign' })).toBe('404 ERR_ENTRY_NOT_FOUND')
  })

  it('smuggles nothing foreign into a batch', async () => {
    const { batch, entry, idOf, test } = await startTeam()
    const [own, foreign] = [await idOf('/team-a/own'), await idOf('/team-b/foreign')]
    const before = (await test.admin('/v1/entries')).body
    const create = await batch({ create: [entry('/team-a/x'), entry('/team-b/x')] })
    expect(refusal(create)).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(create.body.title).toMatch(/^create\[1\]: .*"\/team-b\/x"/)
    const replaced = await batch({ delete: [own], replace: [{ id: foreign, entry: entry('/team-a/x') }] })
    expect(refusal(replaced)).toBe('404 ERR_ENTRY_NOT_FOUND')
    expect(refusal(await batch({ replace: [{ id: own, entry: entry('/team-b/x') }] }))).toBe('403 ERR_ADMIN_FORBIDDEN')
    const deleted = await batch({ delete: [own, foreign] })
    expect(refusal(deleted)).toBe('404 ERR_ENTRY_NOT_FOUND')
    expect(deleted.body.title).toBe((await batch({ delete: [own, 'absent'] })).body.title)
    expect((await test.admin('/v1/entries')).body).toEqual(before)
    expect((await batch({ delete: [own], create: [entry('/team-a/x')] })).status).toBe(200)
  })

  it('cannot tell a foreign entry from one that is not there', async () => {
    const { idOf, team } = await startTeam()
    const foreign = await idOf('/team-b/foreign')
    const answers = async (id: string) =>
      Promise.all(
        [
          {},
          { method: 'DELETE' },
          { method: 'PATCH', body: { hint: 'a' } },
          // What is wrong with the change would tell that there is something to change.
          { method: 'PATCH', body: { x509SvidTtl: 31_536_000 } },
          { method: 'PATCH', body: { spiffeId: 'no identifier' } },
        ].map(async (call) => {
          const { status, text } = await team.call(`/v1/entries/${id}`, call)
          return `${status} ${text}`
        }),
      )
    expect(await answers(foreign)).toEqual(await answers('absent'))
  })

  it('sees its own entries in lists, and is not held up by what others change', async () => {
    const { team, idOf, batch, entry } = await startTeam()
    const own = await idOf('/team-a/own')
    await idOf('/team-b/foreign')
    await idOf('/team-ab')
    const list = async (query = '') =>
      (await team.call(`/v1/entries${query}`)).body.entries.map(({ spiffeId }: { spiffeId: string }) => spiffeId)
    expect(await list()).toEqual(['spiffe://example.org/team-a/ci', 'spiffe://example.org/team-a/own'])
    expect(await list('?spiffeId=spiffe%3A%2F%2Fexample.org%2Fteam-b%2Fforeign')).toEqual([])
    const { revision } = (await team.call('/v1/entries')).body
    await idOf('/team-b/later')
    expect((await team.call('/v1/entries/batch', { body: { revision, create: [entry('/team-a/x')] } })).status).toBe(
      200,
    )
    const stale = await team.call('/v1/entries/batch', { body: { revision, delete: [own] } })
    expect(refusal(stale)).toBe('409 ERR_ENTRY_CHANGED')
    expect((await batch({ delete: [own] })).status).toBe(200)
  })

  it('names only parents that it was given', async () => {
    const { create, test } = await startTeam({ parents: ['/countersign/agent/shared', '/nodes/team-a'] })
    const at = (path: string) => create('/team-a/x', { parentId: `spiffe://example.org${path}` })
    expect(await at('/countersign/agent/shared/node-1')).toBe('created')
    expect(await at('/countersign/agent/other/node-1')).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await at('/countersign/agent/shared-not')).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(test.log.events('admin.called').map(({ reason }) => reason)).toContain(
      'entry.create: parentId is none of the parents that this role may use',
    )
  })

  it('gives the names and the federation that it was given, and no longer lifetimes', async () => {
    const { create } = await startTeam({
      federatesWith: ['partner.example'],
      dnsNames: ['team-a.example'],
      maxTtl: 3600,
    })
    expect(await create('/team-a/1', { federatesWith: ['partner.example'] })).toBe('created')
    expect(await create('/team-a/2', { federatesWith: ['partner.example', 'else.example'] })).toBe(
      '403 ERR_ADMIN_FORBIDDEN',
    )
    expect(await create('/team-a/3', { dnsNames: ['team-a.example', 'web.team-a.example'] })).toBe('created')
    expect(await create('/team-a/4', { dnsNames: ['not-team-a.example'] })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/5', { x509SvidTtl: 3601 })).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(await create('/team-a/6', { x509SvidTtl: 3600, jwtSvidTtl: 10 })).toBe('created')
  })

  it('does not get by default what it may not ask for', async () => {
    const { create } = await startTeam({ maxTtl: 60 })
    expect(await create('/team-a/1')).toBe('403 ERR_ADMIN_FORBIDDEN')
    const all = { x509SvidTtl: 60, jwtSvidTtl: 60, witTtl: 60 }
    for (const left of ['x509SvidTtl', 'jwtSvidTtl', 'witTtl']) {
      const some = Object.fromEntries(Object.entries(all).filter(([field]) => field !== left))
      expect(await create('/team-a/1', some)).toBe('403 ERR_ADMIN_FORBIDDEN')
    }
    expect(await create('/team-a/1', all)).toBe('created')
  })

  it('is stopped with the next call when its role is revoked, its node banned or its certificate over', async () => {
    const { test, agent, team, create } = await startTeam()
    expect(await create('/team-a/1')).toBe('created')
    const { grants } = (await test.admin('/v1/role-grants')).body
    await test.admin(`/v1/role-grants/${grants[0].id}`, { method: 'DELETE' })
    expect(await create('/team-a/2')).toBe('403 ERR_ADMIN_NO_ROLE')
    await grantRole(test, { subject: { spiffeId: team.spiffeId }, role: 'registrar', prefix: '/team-a' })
    expect(await create('/team-a/2')).toBe('created')
    await test.admin('/v1/nodes/ban', { body: { agentId: agent.agentId } })
    expect(await create('/team-a/3')).toBe('403 ERR_ADMIN_CERTIFICATE')
  })
})

describe('an entry with admin: true', () => {
  it('makes its program admin of everything, until the entry says otherwise', async () => {
    const { test, agent } = await startTeam()
    const root = await createProgram(test, agent, '/root', { admin: true })
    expect((await root.call('/v1/authorities')).status).toBe(200)
    expect((await root.call('/v1/entries', { body: entryFor(agent, { downstream: true }) })).status).toBe(201)
    const { entries } = (await test.admin('/v1/entries?spiffeId=spiffe%3A%2F%2Fexample.org%2Froot')).body
    await test.admin(`/v1/entries/${entries[0].id}`, { method: 'PATCH', body: { admin: false } })
    expect(refusal(await root.call('/v1/authorities'))).toBe('403 ERR_ADMIN_NO_ROLE')
  })
})
