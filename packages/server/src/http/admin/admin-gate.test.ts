import { silentLogger } from '@countersign/plugin-kit'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createAudit } from '../../audit/audit.ts'
import { AdminError } from '../../authorization/admin-error.ts'
import type { AdminRule } from '../../authorization/admin-rules.ts'
import { Administrators } from '../../authorization/administrators.ts'
import { RoleGrantStore } from '../../store/role-grant-store.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { temporaryStore } from '../../test-support/temporary-store.ts'
import { createApp } from '../create-app.ts'
import { AdminGate } from './admin-gate.ts'

const RULES: readonly AdminRule[] = [
  { route: 'GET /v1/things', action: 'thing.list', role: 'viewer', over: 'entries' },
  { route: 'POST /v1/things', action: 'thing.create', role: 'admin', over: 'trust-domain' },
]

interface World {
  readonly rules?: readonly AdminRule[]
  readonly uid?: number
  readonly isOwner?: boolean
  readonly routes: (app: FastifyInstance, gate: AdminGate) => void
}

async function open({ rules = RULES, uid = 1000, isOwner = false, routes }: World) {
  const { store, clock } = await temporaryStore()
  const log = new RecordingLogger()
  const gate = new AdminGate({
    authenticate: async ({ headers }) => {
      if (headers['x-unknown'] !== undefined) throw new AdminError('ERR_ADMIN_PEER', 'nobody knows')
      return { name: `uid:${uid}`, subjects: [{ uid }], isOwner }
    },
    administrators: new Administrators({ store, clock, trustDomain: 'example.org' }),
    audit: createAudit(log),
    clock,
    trustDomain: 'example.org',
    defaultTtlSeconds: { x509: 60, jwt: 60, wit: 60 },
    rules,
  })
  const { install, admit: guard } = gate
  const about = { log: silentLogger, version: '1', name: 'test', description: '', openapi: false, install, guard }
  const app = await createApp(about, (each) => routes(each, gate))
  onTestFinished(() => app.close())
  gate.requireAllUsed()
  const grants = new RoleGrantStore(store)
  const grant = () => grants.create('g1', { subject: { uid }, role: 'viewer', prefix: '/', parents: [] }, undefined)
  return { app, log, clock, grant, events: () => log.events('admin.called') }
}

const both = (app: FastifyInstance, gate: AdminGate) => {
  app.get('/v1/things', async (request) => ({ below: gate.accessOf(request).visible ?? 'all' }))
  app.post('/v1/things', async () => ({ made: true }))
}

describe('admin gate', () => {
  it('does not start with a route that has no rule', async () => {
    const more = (app: FastifyInstance, gate: AdminGate) => {
      both(app, gate)
      app.delete('/v1/things', async () => ({}))
    }
    await expect(open({ routes: more })).rejects.toThrow('admin route without a rule: DELETE /v1/things')
  })

  it('does not start with a route of several methods, of which a rule is for one', async () => {
    const routes = (app: FastifyInstance) => {
      app.route({ method: ['GET', 'PUT'], url: '/v1/things', handler: async () => ({}) })
    }
    await expect(open({ routes })).rejects.toThrow('admin route without a rule')
  })

  it('does not start with a rule that belongs to no route', async () => {
    const rule: AdminRule = { route: 'GET /v1/thing', action: 'thing.read', role: 'viewer', over: 'entries' }
    await expect(open({ rules: [...RULES, rule], routes: both })).rejects.toThrow('no such admin route: GET /v1/thing')
  })

  it('answers nothing for a route that did not ask what its caller may', async () => {
    const forgetful = (app: FastifyInstance) => {
      app.get('/v1/things', async () => ({ secret: 1 }))
      app.post('/v1/things', async () => ({}))
    }
    const { app, grant } = await open({ routes: forgetful })
    await grant()
    const reply = await app.inject('/v1/things')
    expect(reply.statusCode).toBe(500)
    expect(reply.body).not.toContain('secret')
  })

  it('lets a user do what their role says, and names the role that is missing', async () => {
    const { app, grant, events } = await open({ routes: both })
    expect((await app.inject('/v1/things')).json()).toMatchObject({ status: 403, code: 'ERR_ADMIN_NO_ROLE' })
    await grant()
    expect((await app.inject('/v1/things')).json()).toEqual({ below: 'all' })
    expect((await app.inject({ method: 'POST', url: '/v1/things' })).json()).toMatchObject({
      status: 403,
      code: 'ERR_ADMIN_FORBIDDEN',
      title: 'thing.create needs role "admin" over "/"',
    })
    const call = { subject: 'uid:1000', action: 'thing.list', role: 'viewer' }
    expect(events()).toEqual([
      expect.objectContaining({ ...call, decision: 'denied', code: 'ERR_ADMIN_NO_ROLE' }),
      expect.objectContaining({ ...call, decision: 'allowed' }),
      expect.objectContaining({
        subject: 'uid:1000',
        action: 'thing.create',
        role: 'admin',
        decision: 'denied',
        reason: 'thing.create needs role "admin" over "/"',
      }),
    ])
  })

  it('lets the owner do everything', async () => {
    const { app } = await open({ routes: both, isOwner: true })
    expect((await app.inject({ method: 'POST', url: '/v1/things' })).json()).toEqual({ made: true })
    expect((await app.inject({ method: 'HEAD', url: '/v1/things' })).statusCode).toBe(200)
  })

  it('tells a stranger nothing, not even which paths there are, and counts them in the log', async () => {
    const { app, events, clock } = await open({ routes: both })
    const ask = (method: 'GET' | 'PUT', url: string) => app.inject({ method, url, headers: { 'x-unknown': '1' } })
    const replies = [await ask('GET', '/v1/things'), await ask('GET', '/v1/absent'), await ask('PUT', '/v1/things')]
    expect(replies.map((reply) => reply.json().code)).toEqual(Array(3).fill('ERR_ADMIN_PEER'))
    expect(events()).toHaveLength(1)
    clock.jump(61)
    await ask('GET', '/v1/things')
    expect(events()).toEqual([
      expect.objectContaining({ action: 'thing.list', decision: 'denied', code: 'ERR_ADMIN_PEER' }),
      expect.objectContaining({ action: 'thing.list', decision: 'denied', more: 2 }),
    ])
    expect(events()[0]).not.toHaveProperty('subject')
  })

  it('reads no body for who has no role', async () => {
    const { app } = await open({ routes: both })
    const reply = await app.inject({
      method: 'POST',
      url: '/v1/things',
      headers: { 'content-type': 'application/json' },
      payload: '{'.repeat(300_000),
    })
    expect(reply.json().code).toBe('ERR_ADMIN_NO_ROLE')
  })

  it('audits what the form of a request got it refused for, without quoting it', async () => {
    const { app, events } = await open({ routes: both, isOwner: true })
    const secret = 'eyJhbGciOiJFUzI1NiJ9'
    const headers = { 'content-type': 'application/json' }
    await app.inject({ method: 'POST', url: '/v1/things', headers, payload: `{"id":"${secret}"` })
    expect(events()).toEqual([
      expect.objectContaining({ action: 'thing.create', decision: 'allowed', code: 'ERR_HTTP_BODY_MALFORMED' }),
    ])
    expect(JSON.stringify(events())).not.toContain(secret)
  })
})

it('counts no grant that is over', async () => {
  const { store, clock } = await temporaryStore()
  const administrators = new Administrators({ store, clock, trustDomain: 'example.org' })
  const grant = {
    subject: { uid: 5 },
    role: 'viewer',
    prefix: '/',
    parents: [] as string[],
    expiresAt: clock.now() + 10,
  } as const
  await new RoleGrantStore(store).create('g1', grant, undefined)
  const has = async () =>
    (await administrators.accessOf({ name: 'uid:5', subjects: [{ uid: 5 }], isOwner: false })).hasAnywhere('viewer')
  expect(await has()).toBe(true)
  clock.jump(10)
  expect(await has()).toBe(false)
})
