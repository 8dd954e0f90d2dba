import type { Entry } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'

const ENTRY: Entry = {
  id: 'e-1',
  revision: 7,
  createdAt: NOW - 60,
  spiffeId: 'spiffe://example.org/web',
  parentId: 'spiffe://example.org/countersign/agent/node-1',
  selectors: [
    { type: 'unix', value: 'uid:1000' },
    { type: 'unix', value: 'gid:1000' },
  ],
}

const REQUIRED = [
  ...['--id', ENTRY.spiffeId, '--parent', ENTRY.parentId],
  ...['--selector', 'unix:uid:1000', '--selector', 'unix:gid:1000'],
]
const REQUIRED_BODY = { spiffeId: ENTRY.spiffeId, parentId: ENTRY.parentId, selectors: ENTRY.selectors }

describe('node aliases and cleared fields', () => {
  it('makes the server the parent of a node alias', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/entries': { status: 201, body: ENTRY } })
    const id = 'spiffe://example.org/hosts/db'
    const args = ['--id', id, '--selector', 'join_token:role:db', '--admin-socket', socketPath]
    expect((await runCli(['entry', 'create', '--node', ...args])).code).toBe(0)
    const parentId = 'spiffe://example.org/countersign/server'
    const selectors = [{ type: 'join_token', value: 'role:db' }]
    expect(requests[0]?.body).toEqual({ spiffeId: id, parentId, selectors })
    for (const flags of [[], ['--node', '--parent', ENTRY.parentId]]) {
      const refused = await runCli(['entry', 'create', ...flags, ...args])
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--parent')])
    }
    expect(requests).toHaveLength(1)
  })

  it('clears fields, and no field that is given as well', async () => {
    const { socketPath, requests } = await startAdminServer({ 'PATCH /v1/entries/e-1': { body: ENTRY } })
    const update = (...flags: string[]) => runCli(['entry', 'update', 'e-1', '--admin-socket', socketPath, ...flags])
    await update('--clear', 'expiresAt', '--clear', 'dnsNames', '--hint', 'x')
    expect(requests.map(({ body }) => body)).toEqual([{ expiresAt: null, dnsNames: null, hint: 'x' }])
    expect((await update('--clear', 'hint', '--hint', 'x')).code).toBe(2)
    expect((await update('--clear', 'spiffeId')).code).toBe(2)
    expect(requests).toHaveLength(1)
  })
})

describe('entry create', () => {
  it('sends what is required and prints the entry', async () => {
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/entries': { status: 201, body: ENTRY } })
    const result = await runCli(['entry', 'create', ...REQUIRED, '--admin-socket', socketPath])
    expect(requests).toEqual([{ method: 'POST', url: '/v1/entries', body: REQUIRED_BODY }])
    expect(result).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        'entry      e-1',
        'spiffe id  spiffe://example.org/web',
        'parent     spiffe://example.org/countersign/agent/node-1',
        'selectors  unix:uid:1000',
        '           unix:gid:1000',
        'created    2026-11-22T21:59:00Z, 1 min ago',
        'revision   7',
        '',
      ].join('\n'),
    })
  })

  it('sends every optional field, and prints the stored entry as JSON', async () => {
    const body = {
      ...REQUIRED_BODY,
      x509SvidTtl: 3_600,
      jwtSvidTtl: 300,
      witTtl: 1_800,
      dnsNames: ['a.example', 'b.example'],
      hint: 'internal',
      admin: true,
      downstream: true,
      federatesWith: ['partner.example'],
      expiresAt: 1_798_761_599,
    }
    const entry = { ...ENTRY, ...body }
    const { socketPath, requests } = await startAdminServer({ 'POST /v1/entries': { status: 201, body: entry } })
    const result = await runCli([
      ...['entry', 'create', ...REQUIRED, '--admin-socket', socketPath, '--output', 'json'],
      ...['--x509-svid-ttl', '1h', '--jwt-svid-ttl', '300', '--wit-ttl', '30m', '--dns', 'a.example'],
      ...['--dns', 'b.example', '--hint', 'internal', '--admin', '--downstream'],
      ...['--federates-with', 'partner.example', '--expires-at', '2026-12-31T23:59:59Z'],
    ])
    expect(requests[0]?.body).toEqual(body)
    expect(result.code).toBe(0)
    expect(JSON.parse(result.stdout)).toEqual(entry)
  })

  it.each([
    ['a missing selector', REQUIRED.slice(0, 4)],
    ['a malformed selector', [...REQUIRED, '--selector', 'unix']],
    ['a malformed identifier', ['--id', 'web', ...REQUIRED.slice(2)]],
    ['a malformed duration', [...REQUIRED, '--wit-ttl', 'soon']],
    ['a time without a zone', [...REQUIRED, '--expires-at', '2026-12-31T23:59:59']],
    ['an unknown flag', [...REQUIRED, '--colour', 'red']],
  ])('calls %s a usage error and asks the server nothing', async (_, args) => {
    const { socketPath, requests } = await startAdminServer({})
    const result = await runCli(['entry', 'create', ...args, '--admin-socket', socketPath])
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('(ERR_CLI_USAGE)\nhint: `countersign entry create --help` shows what is expected\n')
    expect(requests).toEqual([])
  })
})

describe('entry list', () => {
  it('prints a table, and asks for what was named', async () => {
    const url = '/v1/entries?spiffeId=spiffe%3A%2F%2Fexample.org%2Fweb&parentId=spiffe%3A%2F%2Fexample.org%2Fnode'
    const { socketPath } = await startAdminServer({ [`GET ${url}`]: { body: { entries: [ENTRY], revision: 7 } } })
    const result = await runCli([
      ...['entry', 'list', '--admin-socket', socketPath, '--id', ENTRY.spiffeId],
      ...['--parent', 'spiffe://example.org/node'],
    ])
    expect(result.stdout).toBe(
      [
        'ENTRY  SPIFFE ID                 PARENT                                         SELECTORS',
        'e-1    spiffe://example.org/web  spiffe://example.org/countersign/agent/node-1  unix:uid:1000',
        '                                                                                unix:gid:1000',
        '',
      ].join('\n'),
    )
  })

  it('prints the whole answer as JSON', async () => {
    const body = { entries: [ENTRY], revision: 7 }
    const { socketPath } = await startAdminServer({ 'GET /v1/entries': { body } })
    const result = await runCli(['entry', 'list', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(result.stdout)).toEqual(body)
  })

  it.each([
    [{ isTTY: true }, true],
    [{ isTTY: false }, false],
    [{ isTTY: true, env: { NO_COLOR: '1' } }, false],
    [{ isTTY: true, env: { TERM: 'dumb' } }, false],
  ])('styles headings on a terminal that wants it: %j', async (world, isStyled) => {
    const { socketPath } = await startAdminServer({ 'GET /v1/entries': { body: { entries: [ENTRY], revision: 7 } } })
    const { stdout } = await runCli(['entry', 'list', '--admin-socket', socketPath], world)
    expect(stdout.includes('\u001b')).toBe(isStyled)
  })
})

describe('entry show, update and delete', () => {
  it('shows one entry by its id, encoded', async () => {
    const { socketPath } = await startAdminServer({ 'GET /v1/entries/a%2Fb': { body: { ...ENTRY, admin: true } } })
    const result = await runCli(['entry', 'show', 'a/b', '--admin-socket', socketPath])
    expect(result.stdout).toContain('\nadmin      yes\n')
  })

  it('reports an entry that does not exist', async () => {
    const { socketPath } = await startAdminServer({})
    const result = await runCli(['entry', 'show', 'e-2', '--admin-socket', socketPath])
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('error: no such thing (ERR_REGISTRATION_NOT_FOUND)')
  })

  it('replaces named fields only, and can take a right away', async () => {
    const { socketPath, requests } = await startAdminServer({ 'PATCH /v1/entries/e-1': { body: ENTRY } })
    const result = await runCli([
      ...['entry', 'update', 'e-1', '--no-admin', '--no-downstream', '--wit-ttl', '60'],
      ...['--admin-socket', socketPath, '--output', 'json'],
    ])
    expect(result.code).toBe(0)
    expect(JSON.parse(result.stdout)).toEqual(ENTRY)
    expect(requests[0]?.body).toEqual({ witTtl: 60, admin: false, downstream: false })
  })

  it('refuses an update of nothing', async () => {
    const result = await runCli(['entry', 'update', 'e-1'])
    expect(result.code).toBe(2)
    expect(result.stderr).toContain('error: no field to replace was given (ERR_CLI_USAGE)')
  })

  it('deletes', async () => {
    const { socketPath, requests } = await startAdminServer({ 'DELETE /v1/entries/e-1': { status: 204 } })
    const result = await runCli(['entry', 'delete', 'e-1', '--admin-socket', socketPath])
    expect(result).toEqual({ code: 0, stdout: 'deleted entry e-1\n', stderr: '' })
    expect(requests).toEqual([{ method: 'DELETE', url: '/v1/entries/e-1', body: undefined }])
    const json = await runCli(['entry', 'delete', 'e-1', '--admin-socket', socketPath, '--output', 'json'])
    expect(JSON.parse(json.stdout)).toEqual({ deleted: 'e-1' })
  })
})
