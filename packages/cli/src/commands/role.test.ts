import type { RoleGrant } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const GRANT: RoleGrant = {
  id: 'g1',
  createdAt: NOW - 60,
  subject: { spiffeId: 'spiffe://example.org/team-a/ci' },
  role: 'registrar',
  prefix: '/team-a',
  parents: ['/countersign/agent'],
}

const grant = async (...args: string[]) => {
  const { socketPath, requests } = await startAdminServer({ 'POST /v1/role-grants': { status: 201, body: GRANT } })
  const result = await runCli(['role', 'grant', ...args, '--admin-socket', socketPath])
  return { ...result, body: requests[0]?.body }
}

describe('role grant', () => {
  it.each([
    [['--workload', 'spiffe://example.org/team-a/ci'], { spiffeId: 'spiffe://example.org/team-a/ci' }],
    [['--uid', '1000'], { uid: 1000 }],
    [['--issuer', 'https://a', '--value', 'alice'], { issuer: 'https://a', claim: 'sub', value: 'alice' }],
    [
      ['--issuer', 'https://a', '--claim', 'groups', '--value', 'g'],
      { issuer: 'https://a', claim: 'groups', value: 'g' },
    ],
  ])('says who by %j', async (args, subject) => {
    const { body, code, stdout } = await grant('registrar', '--prefix', '/team-a', ...args)
    expect(code).toBe(0)
    expect(body).toEqual({ subject, role: 'registrar', prefix: '/team-a' })
    expect(stdout).toContain('/team-a and all below it')
  })

  it('sends what the role is limited to', async () => {
    const { body } = await grant(
      ...['registrar', '--prefix', '/team-a', '--uid', '0', '--parent-prefix', '/a', '--parent-prefix', '/b'],
      ...['--federates-with', 'p.example', '--dns-name', 'a.example', '--max-ttl', '1h', '--expires', String(NOW + 60)],
    )
    expect(body).toEqual({
      subject: { uid: 0 },
      role: 'registrar',
      prefix: '/team-a',
      parents: ['/a', '/b'],
      federatesWith: ['p.example'],
      dnsNames: ['a.example'],
      maxTtl: 3600,
      expiresAt: NOW + 60,
    })
  })

  it.each([
    ['nobody', ['viewer', '--prefix', '/']],
    ['two', ['viewer', '--prefix', '/', '--uid', '1', '--workload', 'spiffe://a/b']],
    ['an issuer and none of its users', ['viewer', '--prefix', '/', '--issuer', 'https://a']],
    ['a value of nobody', ['viewer', '--prefix', '/', '--uid', '1', '--value', 'a']],
    ['no user number', ['viewer', '--prefix', '/', '--uid', 'root']],
    ['no role that exists', ['owner', '--prefix', '/', '--uid', '1']],
    ['nothing', ['viewer', '--uid', '1']],
  ])('is not sent for %s', async (_name, args) => {
    const { code, body } = await grant(...args)
    expect([code, body]).toEqual([2, undefined])
  })
})

it('role list, show and revoke', async () => {
  const ends = { ...GRANT, id: 'g2', subject: { uid: 5 }, role: 'operator', prefix: '/', expiresAt: NOW + 3600 }
  const { socketPath, requests } = await startAdminServer({
    'GET /v1/role-grants': { body: { grants: [GRANT, ends] } },
    'GET /v1/role-grants/g2': { body: ends },
    'DELETE /v1/role-grants/g1': { status: 204 },
  })
  const run = (...args: string[]) => runCli(['role', ...args, '--admin-socket', socketPath])
  const list = await run('list')
  expect(list.stdout).toContain('spiffe://example.org/team-a/ci')
  expect(list.stdout).toContain('uid 5 on the admin socket')
  const shown = (await run('show', 'g2')).stdout
  expect(shown).toContain('/ (everything)')
  expect(shown).not.toContain('parents')
  expect((await run('revoke', 'g1')).stdout).toBe('revoked g1\n')
  expect(requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'DELETE'])
  expect(JSON.parse((await run('list', '--output', 'json')).stdout).grants).toHaveLength(2)
})

it('role list says who administers when nobody was given a role', async () => {
  const { socketPath } = await startAdminServer({ 'GET /v1/role-grants': { body: { grants: [] } } })
  expect((await runCli(['role', 'list', '--admin-socket', socketPath])).stdout).toBe(
    'no roles are granted; root and the user of the server are admins always\n',
  )
})
