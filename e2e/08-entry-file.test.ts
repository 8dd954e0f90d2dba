/** Entries from a file: applied once they are there, applied again nothing changes, and what the file drops can go. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

it('a file is applied, applied again, shortened and pruned; a bad one changes nothing', async () => {
  await domain.startServer()
  const parent = await domain.invite()
  const file = join(domain.folder, 'entries.yaml')
  const write = (...names: readonly string[]) =>
    writeFileSync(
      file,
      `entries:\n${names
        .map(
          (name) =>
            `  - spiffeId: spiffe://example.org/team-a/${name}\n    parentId: ${parent}\n    selectors: ['unix:uid:1000']\n`,
        )
        .join('')}`,
    )
  const apply = (...flags: readonly string[]) => domain.admin('entry', 'apply', '--file', file, ...flags)
  const listed = async () =>
    ((await domain.admin('entry', 'list'))['entries'] as { spiffeId: string }[]).map(({ spiffeId }) => spiffeId)

  write('web', 'db')
  expect(await apply('--dry-run')).toMatchObject({ applied: false, create: [{}, {}] })
  expect(await listed()).toEqual([])
  await apply()
  expect((await listed()).sort()).toEqual(['spiffe://example.org/team-a/db', 'spiffe://example.org/team-a/web'])
  expect(await apply()).toMatchObject({ create: [], replace: [], delete: [], unchanged: 2 })

  write('web')
  await apply()
  expect(await listed()).toHaveLength(2)
  await apply('--prune', 'spiffe://example.org/team-a')
  expect(await listed()).toEqual(['spiffe://example.org/team-a/web'])

  write('web', 'new', '../../countersign/x')
  const refused = await countersign(['entry', 'apply', '--file', file, '--admin-socket', domain.adminSocket])
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/create\[1\].*ERR_ENTRY_IDENTIFIER/s) })
  expect(await listed()).toEqual(['spiffe://example.org/team-a/web'])
})
