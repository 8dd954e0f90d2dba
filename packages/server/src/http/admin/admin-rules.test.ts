/** Every route of the table, with every role, over what it is for and over something else. */
import { ROLES, type Role } from '@countersign/api'
import { describe, expect, it, vi } from 'vitest'
import { ADMIN_RULES, type AdminRule, type AdminTarget, isAdminPath } from '../../authorization/admin-rules.ts'
import type { Call } from '../../test-support/http-call.ts'
import { entryFor } from '../../test-support/machine-requests.ts'
import { createAdministrator, createProgram, grantRole } from '../../test-support/test-administrator.ts'
import type { TestAgent } from '../../test-support/test-agent.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'

vi.setConfig({ testTimeout: 60_000 })

const INSIDE = '/team-a'
const OUTSIDE = '/team-ab'

/** A request about one path: `/team-a/x`, or the node that stands for it. */
interface World {
  readonly test: TestServer
  readonly agent: TestAgent
  readonly entryAt: (path: string) => Promise<string>
  readonly nodeAt: (path: string) => Promise<string>
  readonly grantAt: (path: string) => Promise<string>
  readonly newName: () => string
}
type Sample = (world: World, path: string) => Promise<readonly [path: string, call: Call]>

/** For the routes that look at each thing by itself. A new one needs a line here, or the test below fails. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  'GET /v1/entries': async () => ['/v1/entries', {}],
  'POST /v1/entries': async ({ agent, newName }, path) => [
    '/v1/entries',
    { body: entryFor(agent, { spiffeId: `spiffe://example.org${path}/${newName()}` }) },
  ],
  'POST /v1/entries/batch': async ({ agent, test, newName }, path) => {
    const { revision } = (await test.admin('/v1/entries')).body
    const create = [entryFor(agent, { spiffeId: `spiffe://example.org${path}/${newName()}` })]
    return ['/v1/entries/batch', { body: { revision, create } }]
  },
  'GET /v1/entries/events': async () => ['/v1/entries/events', {}],
  'GET /v1/entries/:id': async ({ entryAt }, path) => [`/v1/entries/${await entryAt(path)}`, {}],
  'PATCH /v1/entries/:id': async ({ entryAt }, path) => [
    `/v1/entries/${await entryAt(path)}`,
    { method: 'PATCH', body: { hint: 'a' } },
  ],
  'DELETE /v1/entries/:id': async ({ entryAt }, path) => [`/v1/entries/${await entryAt(path)}`, { method: 'DELETE' }],
  'GET /v1/nodes': async () => ['/v1/nodes', {}],
  'POST /v1/nodes/ban': async ({ nodeAt }, path) => ['/v1/nodes/ban', { body: { agentId: await nodeAt(path) } }],
  'POST /v1/nodes/evict': async ({ nodeAt }, path) => ['/v1/nodes/evict', { body: { agentId: await nodeAt(path) } }],
  'POST /v1/join-tokens': async (_world, path) => ['/v1/join-tokens', { body: { agentPath: `${path}/new` } }],
  'GET /v1/role-grants': async () => ['/v1/role-grants', {}],
  'POST /v1/role-grants': async ({ newName }, path) => [
    '/v1/role-grants',
    { body: { subject: { uid: 4711 }, role: 'viewer', prefix: `${path}/${newName()}` } },
  ],
  'GET /v1/role-grants/:id': async ({ grantAt }, path) => [`/v1/role-grants/${await grantAt(path)}`, {}],
  'DELETE /v1/role-grants/:id': async ({ grantAt }, path) => [
    `/v1/role-grants/${await grantAt(path)}`,
    { method: 'DELETE' },
  ],
}

const OVER_ONE: readonly AdminTarget[] = ['entries', 'nodes', 'node', 'new-node', 'role-grants']

async function startWorld(): Promise<World> {
  const test = await startTestServer()
  const agent = await test.attestedAgent('/node-1')
  let count = 0
  return {
    test,
    agent,
    newName() {
      count += 1
      return `new-${count}`
    },
    async entryAt(path) {
      count += 1
      const spiffeId = `spiffe://example.org${path}/entry-${count}`
      return (await test.admin('/v1/entries', { body: entryFor(agent, { spiffeId }) })).body.id
    },
    async nodeAt(path) {
      count += 1
      return (await test.attestedAgent(`${path}/node-${count}`)).agentId
    },
    async grantAt(path) {
      count += 1
      const { id } = await grantRole(test, { subject: { uid: count }, role: 'viewer', prefix: path })
      return id
    },
  }
}

/** Without a body: whether a role is enough at all is decided before one is read. */
function bareCall({ route }: AdminRule): readonly [path: string, call: Call] {
  const [method = '', path = ''] = route.split(' ')
  return [path.replaceAll(/:\w+/g, 'absent'), { method }]
}

/** Where a target's prefixes are. */
const scopeOf = (over: AdminTarget, path: string) =>
  over === 'node' || over === 'nodes' || over === 'new-node' ? `/countersign/agent${path}` : path

describe('admin rules', () => {
  it('have a sample for each route that looks at each thing by itself', () => {
    const wanted = ADMIN_RULES.filter(({ over }) => OVER_ONE.includes(over)).map(({ route }) => route)
    expect(Object.keys(SAMPLES).sort()).toEqual([...wanted].sort())
  })

  it('name each route and each action once', () => {
    expect(new Set(ADMIN_RULES.map(({ route }) => route)).size).toBe(ADMIN_RULES.length)
    expect(new Set(ADMIN_RULES.map(({ action }) => action)).size).toBe(ADMIN_RULES.length)
  })

  it('say which paths are served over the network', () => {
    expect(['/v1/entries', '/v1/entries/a?b', '/v1/nodes/ban', '/v1/status?'].map((url) => isAdminPath(url))).toEqual([
      true,
      true,
      true,
      true,
    ])
    const others = ['/v1/agent/sync', '/v1/openapi.json', '/v1/', '/', '/v2/entries', '/v1/entriesx', '//v1/entries']
    expect(others.filter((url) => isAdminPath(url))).toEqual([])
  })

  // The description of the API is served on the socket alone.
  const remote = ADMIN_RULES.filter((rule) => isAdminPath(bareCall(rule)[0]))

  it('are all served over the network, but for one', () => {
    expect(ADMIN_RULES.filter((rule) => !remote.includes(rule)).map(({ route }) => route)).toEqual([
      'GET /v1/openapi.json',
    ])
  })

  it('keep the private keys of a backup from everybody who could not read them anyway', async () => {
    const { test, agent } = await startWorld()
    const admin = await createAdministrator(test, agent, '/callers/admin', { role: 'admin', prefix: '/' })
    const reply = await admin.call('/v1/backup', {})
    expect(`${reply.status} ${reply.body.code}`).toBe('403 ERR_ADMIN_FORBIDDEN')
    expect(test.log.events('admin.called').at(-1)).toMatchObject({ action: 'data.back_up', decision: 'denied' })
  })

  it.each(remote.filter(({ onlyOwner }) => onlyOwner !== true).map((rule) => [rule.route, rule] as const))(
    '%s',
    async (_route, rule) => {
      const world = await startWorld()
      const { test, agent } = world
      const decisions: string[] = []
      const expected: string[] = []
      const note = (who: string, denied: boolean, isDenied: boolean) => {
        decisions.push(`${who}: ${isDenied ? 'denied' : 'allowed'}`)
        expected.push(`${who}: ${denied ? 'denied' : 'allowed'}`)
      }
      const isEnough = (role: Role) => ROLES.indexOf(role) >= ROLES.indexOf(rule.role)
      const [path, call] = bareCall(rule)

      const stranger = await createProgram(test, agent, '/stranger')
      const refused = await stranger.call(path, call)
      expect(`${refused.status} ${refused.body.code}`).toBe('403 ERR_ADMIN_NO_ROLE')
      expect(refused.body.title).toContain(`"${rule.role}"`)

      for (const role of ROLES) {
        const whole = await createAdministrator(test, agent, `/callers/whole-${role}`, { role, prefix: '/' })
        const reply = await whole.call(path, call)
        if (!isEnough(role)) expect(reply.body.title).toContain(`role "${rule.role}"`)
        note(`${role} over /`, !isEnough(role), reply.status === 403)
        const prefix = scopeOf(rule.over, INSIDE)
        const team = await createAdministrator(test, agent, `/callers/team-${role}`, { role, prefix })
        const sample = SAMPLES[rule.route]
        if (sample === undefined) {
          note(
            `${role} over a team`,
            !isEnough(role) || rule.over === 'trust-domain',
            (await team.call(path, call)).status === 403,
          )
          continue
        }
        const [insidePath, insideCall] = await sample(world, INSIDE)
        const inside = await team.call(insidePath, insideCall)
        expect(inside.status === 403 || inside.status < 300, inside.text).toBe(true)
        note(`${role} inside`, !isEnough(role), inside.status === 403)
        const [outsidePath, outsideCall] = await sample(world, OUTSIDE)
        const outside = await team.call(outsidePath, outsideCall)
        const isList = outsidePath === insidePath && rule.route.startsWith('GET')
        note(`${role} outside`, !isEnough(role) || !isList, outside.status === 403 || outside.status === 404)
      }
      expect(decisions).toEqual(expected)
      // One event for each call that was made over the network, and it says the same.
      const events = test.log.events('admin.called').filter(({ subject }) => String(subject).includes('/callers/'))
      expect(events.map(({ decision }) => decision)).toEqual(expected.map((line) => line.split(': ')[1]))
      expect(new Set(events.map(({ action }) => action))).toEqual(new Set([rule.action]))
    },
  )
})
