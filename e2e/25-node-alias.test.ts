/**
 * A node alias gives a node its programs' identities by what the node is; whoever watches entries hears of it, also of what
 * happened while the server was away, and a program loses its identity with the alias.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EntryEvent } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { COMMAND, countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PATIENCE_MS = 60_000
const HOSTS = 'spiffe://example.org/hosts/db'

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

async function eventually(condition: () => Promise<boolean>, what: () => string): Promise<void> {
  const begin = Date.now()
  while (!(await condition())) expect(Date.now() - begin, what()).toBeLessThan(PATIENCE_MS)
}

const fetch = () => countersign(['x509', 'fetch', '--socket', domain.endpoint, '--output', 'json'])
const selector = `unix:uid:${process.getuid?.() ?? 0}`

it('an alias gives and takes, and a watcher misses nothing', { timeout: 240_000 }, async () => {
  const server = await domain.startServer()
  await domain.invite()
  const { token } = await domain.admin('token', 'create', '--agent-path', '/db-1', '--selector', 'role:db')
  writeFileSync(join(domain.folder, 'join-token'), String(token), { mode: 0o600 })
  await domain.startAgent()
  const watch = domain.start([
    ...[COMMAND, 'entry', 'watch', '--admin-socket', domain.adminSocket, '--output', 'json'],
    ...['--id', 'spiffe://example.org/team-a'],
  ])
  await watch.untilOutput(/"event":"mark"/)
  const seen = () =>
    watch.output
      .split('\n')
      .filter((line) => line.includes('"event":"change"'))
      .map((line) => JSON.parse(line) as EntryEvent)
      .map(({ change, spiffeId }) => `${change} ${spiffeId.slice('spiffe://example.org'.length)}`)

  const early = await countersign([
    ...['entry', 'create', '--id', 'spiffe://example.org/team-a/db', '--parent', HOSTS, '--selector', selector],
    ...['--admin-socket', domain.adminSocket],
  ])
  expect(early).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ERR_ENTRY_PARENT') })
  const file = join(domain.folder, 'entries.yaml')
  writeFileSync(
    file,
    `entries:
  - { spiffeId: ${'spiffe://example.org/team-a/db'}, parentId: ${HOSTS}, selectors: ['${selector}'], hint: main }
  - { spiffeId: ${HOSTS}, parentId: spiffe://example.org/countersign/server, selectors: ['join_token:role:db'] }
`,
  )
  await domain.admin('entry', 'apply', '--file', file)
  await eventually(
    async () => (await fetch()).stdout.includes('spiffe://example.org/team-a/db'),
    () => 'no identity came of the alias',
  )
  await watch.until(() => seen().length === 1, 'it tells of the entry')

  // The server goes away; what happens after it is back, and before the watcher is, is told all the same.
  await server.stop()
  await domain.startServer()
  const { entries } = (await domain.admin('entry', 'list')) as { entries: { id: string; spiffeId: string }[] }
  const idOf = (spiffeId: string) => entries.find((entry) => entry.spiffeId === spiffeId)?.id ?? ''
  const cleared = await domain.admin('entry', 'update', idOf('spiffe://example.org/team-a/db'), '--clear', 'hint')
  expect(cleared).not.toHaveProperty('hint')
  await domain.admin('entry', 'delete', idOf(HOSTS))
  await eventually(
    async () => (await fetch()).exitCode !== 0,
    () => 'the identity outlived its alias',
  )
  await domain.admin('entry', 'delete', idOf('spiffe://example.org/team-a/db'))
  await watch.until(() => seen().at(-1)?.startsWith('deleted') === true, 'it tells of the end')
  expect(seen()[0]).toBe('created /team-a/db')
  expect(seen().filter((line) => !line.includes('/team-a/'))).toEqual([])
  expect((await watch.stop()).exitCode).toBe(0)
})
