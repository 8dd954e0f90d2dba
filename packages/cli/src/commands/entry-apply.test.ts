import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry, EntryBatch } from '@countersign/api'
import { describe, expect, it } from 'vitest'
import { startAdminServer } from '../test-support/admin-server.ts'
import { NOW, runCli } from '../test-support/run-cli.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const PARENT = 'spiffe://example.org/countersign/agent/node-1'

const stored = (path: string, change: Partial<Entry> = {}): Entry => ({
  ...{ id: `id${path}`, revision: 3, createdAt: NOW - 60, parentId: PARENT, spiffeId: `spiffe://example.org${path}` },
  selectors: [{ type: 'unix', value: 'uid:1000' }],
  ...change,
})

const YAML = `
entries:
  - spiffeId: spiffe://example.org/team-a/web
    parentId: ${PARENT}
    selectors: ['unix:uid:1000']
    hint: main
  - spiffeId: spiffe://example.org/team-a/db
    parentId: ${PARENT}
    selectors: [{ type: unix, value: 'uid:1001' }, 'unix:path:/usr/bin/db']
`
const PRESENT = [
  stored('/team-a/web', { x509SvidTtl: 60, admin: false }),
  stored('/team-a/old'),
  stored('/team-a-other/x'),
]

async function apply(text: string, entries: readonly Entry[], ...flags: string[]) {
  const file = join(await temporaryFolder(), 'entries.yaml')
  await writeFile(file, text)
  const { socketPath, requests } = await startAdminServer({
    'GET /v1/entries': { body: { entries, revision: 7 } },
    'POST /v1/entries/batch': { body: { created: [], replaced: [], deleted: [], revision: 9 } },
  })
  const args = ['entry', 'apply', '--file', file, '--admin-socket', socketPath, ...flags]
  const result = await runCli(args)
  const batches = requests.filter(({ method }) => method === 'POST').map(({ body }) => body as EntryBatch)
  return { ...result, batches }
}

describe('entry apply', () => {
  it('creates what is not there and replaces what differs, clearing what the file lacks', async () => {
    const { code, stdout, batches } = await apply(YAML, PRESENT)
    expect(code).toBe(0)
    expect(batches).toEqual([
      {
        revision: 7,
        delete: [],
        replace: [
          {
            id: 'id/team-a/web',
            entry: {
              ...{ spiffeId: 'spiffe://example.org/team-a/web', parentId: PARENT, hint: 'main' },
              selectors: [{ type: 'unix', value: 'uid:1000' }],
            },
          },
        ],
        create: [
          {
            ...{ spiffeId: 'spiffe://example.org/team-a/db', parentId: PARENT },
            selectors: [
              { type: 'unix', value: 'uid:1001' },
              { type: 'unix', value: 'path:/usr/bin/db' },
            ],
          },
        ],
      },
    ])
    expect(stdout).toMatch(/change +spiffe:\/\/example.org\/team-a\/web +x509SvidTtl, hint/)
    expect(stdout).toContain('1 created, 1 changed, 0 deleted, 0 unchanged')
  })

  it('changes nothing the second time, whatever the order of selectors', async () => {
    const present = [
      stored('/team-a/web', { hint: 'main' }),
      stored('/team-a/db', {
        selectors: [
          { type: 'unix', value: 'path:/usr/bin/db' },
          { type: 'unix', value: 'uid:1001' },
        ],
      }),
    ]
    const { batches, stdout, code } = await apply(YAML, present)
    expect([batches, code]).toEqual([[], 0])
    expect(stdout).toBe('0 created, 0 changed, 0 deleted, 2 unchanged\n')
  })

  it('takes what `entry list` printed', async () => {
    const { batches } = await apply(JSON.stringify({ entries: PRESENT, revision: 7 }), PRESENT)
    expect(batches).toEqual([])
  })

  it('deletes what the file does not name, below the given identifier and nowhere else', async () => {
    const { batches } = await apply(YAML, PRESENT, '--prune', 'spiffe://example.org/team-a')
    expect(batches[0]?.delete).toEqual(['id/team-a/old'])
    expect((await apply(YAML, PRESENT)).batches[0]?.delete).toEqual([])
  })

  it('shows a dry run and does nothing', async () => {
    const { batches, stdout } = await apply(YAML, PRESENT, '--dry-run', '--prune', 'spiffe://example.org/team-a')
    expect(batches).toEqual([])
    expect(stdout).toContain('dry run: 1 to create, 1 to change, 1 to delete, 0 unchanged')
    const json = await apply(YAML, PRESENT, '--dry-run', '--output', 'json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      applied: false,
      create: [{}],
      replace: [{ fields: ['x509SvidTtl', 'hint'] }],
    })
  })

  it('creates node aliases before what lies below them', async () => {
    const hosts = 'spiffe://example.org/hosts/db'
    const { batches } = await apply(
      `
entries:
  - { spiffeId: spiffe://example.org/db, parentId: ${hosts}, selectors: ['unix:uid:1'] }
  - { spiffeId: ${hosts}, parentId: spiffe://example.org/countersign/server, selectors: ['join_token:role:db'] }
`,
      [],
    )
    expect(batches[0]?.create?.map(({ spiffeId }) => spiffeId)).toEqual([hosts, 'spiffe://example.org/db'])
  })

  it('sends many in batches, each based on the one before', async () => {
    const entries = Array.from({ length: 1100 }, (_, index) => ({
      ...{ spiffeId: `spiffe://example.org/many/${index}`, parentId: PARENT, selectors: [`unix:uid:${index}`] },
    }))
    const { batches } = await apply(JSON.stringify({ entries }), [])
    expect(batches.map(({ revision, create }) => [revision, create?.length])).toEqual([
      [7, 500],
      [9, 500],
      [9, 100],
    ])
    const long = entries.slice(0, 20).map((entry) => ({ ...entry, selectors: [`unix:path:/${'x'.repeat(4000)}`] }))
    const distinct = long.map((entry, index) => ({
      ...entry,
      dnsNames: Array(64).fill('a'.repeat(200)),
      hint: `${index}`,
    }))
    const sizes = (await apply(JSON.stringify({ entries: distinct }), [])).batches.map(
      (batch) => JSON.stringify(batch).length,
    )
    expect(sizes.length).toBeGreaterThan(1)
    expect(Math.max(...sizes)).toBeLessThan(256 * 1024)
  })

  it.each([
    ['an unknown key', YAML.replace('hint:', 'hnit:'), 1, /entries\[0\]\.hnit.*hint/],
    ['a selector without a type', YAML.replace("'unix:uid:1000'", "'uid1000'"), 1, /entries\[0\]\.selectors\[0\]/],
    [
      'one entry twice',
      YAML.replace('/team-a/db', '/team-a/web').replace(
        "[{ type: unix, value: 'uid:1001' }, 'unix:path:/usr/bin/db']",
        "['unix:uid:1000']",
      ),
      2,
      /two entries for/,
    ],
    ['no list', 'entry: []', 1, /entries/],
    ['YAML that is none', 'entries: [', 1, /ERR_CONFIG_SYNTAX/],
  ])('refuses %s and sends nothing', async (_, text, exitCode, message) => {
    const { code, stderr, batches } = await apply(text, PRESENT)
    expect(stderr).toMatch(message)
    expect([code, batches]).toEqual([exitCode, []])
  })

  it.each(['spiffe://example.org', 'team-a'])('does not prune %s', async (root) => {
    const { code, batches } = await apply(YAML, PRESENT, '--prune', root)
    expect([code, batches]).toEqual([2, []])
  })
})
