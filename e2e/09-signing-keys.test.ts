/** A signing key is replaced, tainted and revoked by hand while programs run: none loses its identity, nothing is left. */
import { fileURLToPath } from 'node:url'
import type { AuthorityView } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const WORKLOAD = fileURLToPath(new URL('./support/workload.mjs', import.meta.url))
/** An agent drops what nobody asks for after ten seconds. */
const PATIENCE_MS = 60_000

let domain: TrustDomain
beforeEach(async () => {
  domain = await TrustDomain.create()
})
afterEach(() => domain.remove())

const list = async () => (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]

it('a tainted key is replaced everywhere before it is revoked', { timeout: 180_000 }, async () => {
  await domain.startServer()
  const parent = await domain.invite()
  await domain.startAgent()
  await domain.admin(
    ...['entry', 'create', '--id', 'spiffe://example.org/web', '--parent', parent],
    ...['--selector', `unix:uid:${process.getuid?.() ?? 0}`],
  )
  const workload = domain.start([WORKLOAD], { SPIFFE_ENDPOINT_SOCKET: domain.endpoint })
  await workload.untilOutput(/"identities":\["spiffe:\/\/example\.org\/web"\]/)
  // Before that it may have been told that nothing is there yet.
  const start = workload.stdout.length

  const olds = (await list()).map(({ id }) => id)
  for (const kind of ['x509', 'jwt', 'wit']) {
    const { id } = await domain.admin('authority', 'prepare', kind)
    const early = await countersign([
      ...['authority', 'activate', String(id), '--admin-socket', domain.adminSocket],
      ...['--output', 'json'],
    ])
    expect(early).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ERR_AUTHORITY_NOT_DISTRIBUTED') })
    await domain.admin('authority', 'activate', String(id), '--force')
  }
  for (const id of olds) {
    const untainted = await countersign(['authority', 'revoke', id, '--admin-socket', domain.adminSocket])
    expect(untainted).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ERR_AUTHORITY_NOT_TAINTED') })
    await domain.admin('authority', 'taint', id)
  }
  const begin = Date.now()
  const left = async () => (await list()).filter(({ taint }) => taint !== undefined && taint.waiting > 0)
  while ((await left()).length > 0) expect(Date.now() - begin, JSON.stringify(await list())).toBeLessThan(PATIENCE_MS)

  for (const id of olds) await domain.admin('authority', 'revoke', id)
  expect((await list()).filter(({ state }) => state !== 'revoked').map(({ state }) => state)).toEqual(
    Array(3).fill('active'),
  )
  const kinds = ['x509', 'wit'] as const
  for (const kind of kinds) {
    const fetched = await countersign([kind, 'fetch', '--socket', domain.endpoint, '--output', 'json'])
    expect(fetched, fetched.stderr).toMatchObject({ exitCode: 0 })
  }
  const since = workload.stdout.slice(start)
  expect(since).not.toContain('retry')
  expect(since).toContain('identities')
})
