/** Agent and server can hardly hear each other: 2 seconds there and back, 30 % of all segments lost, connections break. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuthorityView, Entry, SyncState } from '@countersign/api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BadNetwork } from './support/bad-network.ts'
import { Holder } from './support/holder.ts'
import { countersign } from './support/program.ts'
import { TrustDomain } from './support/trust-domain.ts'

const PATIENCE_MS = 180_000
const SEED = 20_261_128

let domain: TrustDomain
let network: BadNetwork
beforeEach(async () => {
  domain = await TrustDomain.create()
  network = await BadNetwork.open({ port: domain.machinePort, delayMs: 1_000, loss: 0.3, seed: SEED })
})
afterEach(async () => {
  await domain.remove()
  await network.close()
})

/** Makes the entries below /many what is given, and nothing else of them. */
async function applyEntries(parentId: string, names: readonly string[]): Promise<void> {
  const file = join(domain.folder, 'entries.json')
  const entries = names.map((name, index) => ({
    ...{ spiffeId: `spiffe://example.org/many/${name}`, parentId, selectors: [`unix:uid:${60_000 + index}`] },
  }))
  writeFileSync(file, JSON.stringify({ entries }))
  await domain.admin('entry', 'apply', '--file', file, '--prune', 'spiffe://example.org/many')
}

/** What the agent has written down of the server's last word, and what the server says now, in the same words. */
async function views(agentId: string) {
  const { entries, bundles } = JSON.parse(readFileSync(join(domain.folder, 'agent', 'sync.json'), 'utf8')) as SyncState
  const all = (await domain.admin('entry', 'list'))['entries'] as readonly Entry[]
  const shown = await countersign(['bundle', 'show', '--format', 'spiffe', '--admin-socket', domain.adminSocket])
  const inOrder = (list: readonly Entry[]) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return {
    agent: { entries: inOrder(entries), bundle: bundles[0]?.bundle },
    server: { entries: inOrder(all.filter(({ parentId }) => parentId === agentId)), bundle: JSON.parse(shown.stdout) },
  }
}

const untilSame = (agentId: string) =>
  expect
    .poll(
      async () => {
        const { agent, server } = await views(agentId)
        return JSON.stringify(agent) === JSON.stringify(server)
      },
      { timeout: PATIENCE_MS, interval: 1_000 },
    )
    .toBe(true)

it('all gets through in the end: attestation, credentials, pushes, changes; nothing is lost', async () => {
  await domain.startServer()
  const url = `https://127.0.0.1:${network.port}`
  writeFileSync(domain.agentConfig, readFileSync(domain.agentConfig, 'utf8').replace(/https:[^ }]+/, url))
  const agentId = await domain.invite()
  const app = ['--id', 'spiffe://example.org/app', '--parent', agentId, ...Holder.selectors]
  await domain.admin('entry', 'create', ...app)
  const agent = await domain.startAgent()
  await agent.until(() => agent.log.some(({ msg }) => msg === 'agent attested'), 'it attested', PATIENCE_MS)
  const holder = Holder.start(domain)
  const held = await holder.holdsAll([], PATIENCE_MS)
  await untilSame(agentId)

  // Changes come faster than the network takes them, and what comes last must be what stays.
  const names = Array.from({ length: 200 }, (_, index) => `n${index}`)
  await applyEntries(agentId, names)
  await applyEntries(agentId, names.slice(0, 20))
  await applyEntries(agentId, names.slice(10, 60))
  await untilSame(agentId)

  // A push that a program sees: every key that signs is replaced by another.
  const listed = async () => (await domain.admin('authority', 'list'))['authorities'] as readonly AuthorityView[]
  const olds = await listed()
  for (const { kind } of olds) {
    const { id } = await domain.admin('authority', 'prepare', kind)
    await domain.admin('authority', 'activate', String(id), '--force')
  }
  for (const { id } of olds) await domain.admin('authority', 'taint', id)
  await holder.holdsAll(held, PATIENCE_MS)
  await untilSame(agentId)
  // The agent says itself that nothing is left of what the old ones signed.
  await expect
    .poll(async () => (await listed()).filter(({ taint }) => taint !== undefined && taint.waiting > 0), {
      timeout: PATIENCE_MS,
      interval: 1_000,
    })
    .toEqual([])

  holder.expectHonesty()
  expect((await domain.admin('node', 'list'))['nodes']).toHaveLength(1)
  const { segments, lost, broken } = network.done
  expect(lost / (segments + lost)).toBeGreaterThan(0.25)
  expect(broken).toBeGreaterThan(0)
}, 900_000)
