import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { createAudit } from '../audit/audit.ts'
import { RoleGrantStore } from '../store/role-grant-store.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { AdminAccess } from './admin-access.ts'
import { FULL_ADMIN, type HeldRole } from './held-role.ts'
import { RoleGrants } from './role-grants.ts'

const ISSUER = 'https://login.example.org'
const accessWith = (...held: HeldRole[]) => new AdminAccess('somebody', held, 'example.org')
const full = accessWith(FULL_ADMIN)

async function open() {
  const { store, clock } = await temporaryStore()
  const log = new RecordingLogger()
  let count = 0
  const grants = new RoleGrants({
    store: new RoleGrantStore(store),
    audit: createAudit(log),
    clock,
    newId: () => `g${++count}`,
    trustDomain: 'example.org',
    issuers: [{ issuer: ISSUER, claims: ['sub', 'groups'] }],
  })
  return { grants, clock, log }
}

const registrar = { role: 'registrar', prefix: '/team-a' } as const

describe('grants of roles', () => {
  it.each([
    [{ uid: 1000 }],
    [{ spiffeId: 'spiffe://example.org/team-a/ci' }],
    [{ spiffeId: 'spiffe://partner.example/ci' }],
    [{ issuer: ISSUER, claim: 'sub', value: 'alice' }],
    [{ issuer: ISSUER, claim: 'groups', value: 'a","b' }],
  ])('go to %j, and are listed, shown and revoked', async (subject) => {
    const { grants, log } = await open()
    const limits = {
      parents: ['/countersign/agent/a'],
      federatesWith: ['p.example'],
      dnsNames: ['a.example'],
      maxTtl: 5,
    }
    const grant = await grants.create({ subject, ...registrar, ...limits }, full)
    expect(grant).toMatchObject({ id: 'g1', subject, ...registrar, ...limits })
    expect(await grants.list(full)).toEqual([grant])
    expect(await grants.get('g1', full)).toEqual(grant)
    await expectCode(grants.create({ subject, ...registrar }, full), 'ERR_ROLE_EXISTS')
    await grants.revoke('g1', full)
    expect(await grants.list(full)).toEqual([])
    await expectCode(grants.revoke('g1', full), 'ERR_ROLE_NOT_FOUND')
    expect(['role.granted', 'role.revoked'].map((event) => log.events(event).length)).toEqual([1, 1])
  })

  it('reach all agents unless they say otherwise', async () => {
    const { grants } = await open()
    expect(await grants.create({ subject: { uid: 1 }, ...registrar }, full)).toMatchObject({
      parents: ['/countersign/agent'],
    })
  })

  it.each([
    ['an agent', { spiffeId: 'spiffe://example.org/countersign/agent/a' }],
    ['a server', { spiffeId: 'spiffe://partner.example/countersign/server' }],
    ['no SPIFFE ID', { spiffeId: 'wimse://example.org/a' }],
    ['a whole trust domain', { spiffeId: 'spiffe://example.org' }],
    ['another spelling', { spiffeId: 'spiffe://example.org/a/' }],
    ['an issuer that is not configured', { issuer: `${ISSUER}/`, claim: 'sub', value: 'a' }],
    ['a claim that is not configured', { issuer: ISSUER, claim: 'name', value: 'a' }],
    ['whom the kernel cannot name', { uid: 65_534 }],
    ['nobody', { uid: 4_294_967_295 }],
  ])('do not go to %s', async (_name, subject) => {
    const { grants } = await open()
    await expectCode(grants.create({ subject, ...registrar }, full), 'ERR_ROLE_SUBJECT')
  })

  it.each([['/team-a/'], ['//'], ['/a/../b'], ['/a%2fb'], ['/./a'], ['/a b'], ['/é']])(
    'are not over %s',
    async (prefix) => {
      const { grants } = await open()
      await expectCode(grants.create({ subject: { uid: 1 }, role: 'viewer', prefix }, full), 'ERR_ROLE_PREFIX')
    },
  )

  it.each([[{ parents: ['/a/'] }], [{ federatesWith: ['Not A Domain'] }], [{ dnsNames: ['*.a'] }]])(
    'are not limited by %j',
    async (limits) => {
      const { grants } = await open()
      await expectCode(grants.create({ subject: { uid: 1 }, ...registrar, ...limits }, full), 'ERR_ROLE_LIMITS')
    },
  )

  it('end, and can be given again then', async () => {
    const { grants, clock } = await open()
    const grant = { subject: { uid: 1 }, ...registrar }
    await expectCode(grants.create({ ...grant, expiresAt: clock.now() }, full), 'ERR_ROLE_EXPIRED')
    await grants.create({ ...grant, expiresAt: clock.now() + 10 }, full)
    await expectCode(grants.create(grant, full), 'ERR_ROLE_EXISTS')
    clock.jump(10)
    expect(await grants.create(grant, full)).toMatchObject({ id: 'g3' })
    expect(await grants.list(full)).toHaveLength(1)
  })
})

describe('an admin of /team-a', () => {
  const limits = {
    parents: ['/countersign/agent/a'],
    federatesWith: ['p.example'],
    dnsNames: ['a.example'],
    maxTtl: 60,
  }
  const teamAdmin = accessWith({ role: 'admin', prefix: '/team-a', limits })
  const subject = { uid: 1 }

  it.each([
    ['over another prefix', { prefix: '/team-b' }],
    ['over a prefix that only begins alike', { prefix: '/team-ab' }],
    ['over everything', { prefix: '/' }],
    ['with other parents', { parents: ['/countersign/agent'] }],
    ['with more federation', { federatesWith: ['p.example', 'q.example'] }],
    ['with other names', { dnsNames: ['example'] }],
    ['with longer lifetimes', { maxTtl: 61 }],
    ['without an end to lifetimes', { maxTtl: undefined }],
  ])('grants nothing %s', async (_name, fields) => {
    const { grants } = await open()
    const { maxTtl, ...rest } = { role: 'viewer', prefix: '/team-a/x', ...limits, ...fields } as const
    const grant = { subject, ...rest, ...(maxTtl !== undefined && { maxTtl }) }
    await expectCode(grants.create(grant, teamAdmin), 'ERR_ADMIN_FORBIDDEN')
    expect(await grants.list(full)).toEqual([])
  })

  it('grants below its prefix, and sees and revokes what is there', async () => {
    const { grants } = await open()
    const own = await grants.create({ subject, role: 'admin', prefix: '/team-a/x', ...limits }, teamAdmin)
    const foreign = await grants.create({ subject, role: 'viewer', prefix: '/team-b' }, full)
    expect(await grants.list(teamAdmin)).toEqual([own])
    await expectCode(grants.get(foreign.id, teamAdmin), 'ERR_ROLE_NOT_FOUND')
    await expectCode(grants.revoke(foreign.id, teamAdmin), 'ERR_ROLE_NOT_FOUND')
    await grants.revoke(own.id, teamAdmin)
    expect(await grants.list(full)).toEqual([foreign])
  })
})
