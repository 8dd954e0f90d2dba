/** Writes of every kind to one server, until it does not answer any more. Nothing is claimed that was not acknowledged. */
import { X509Certificate } from 'node:crypto'
import { decodeBase64 } from '@countersign/protocol'
import { CrashLedger } from './crash-ledger.ts'
import type { DrivenServer } from './driven-server.ts'
import type { Reply } from './http.ts'
import { NodeClient } from './node-client.ts'

export type Random = () => number

interface World {
  readonly server: DrivenServer
  readonly ledger: CrashLedger
  readonly random: Random
  /** A name that was never used. */
  readonly name: () => string
}

type Writer = (world: World) => Promise<void>

/** Resolves when every writer was cut off. */
export async function writeUntilCutOff(world: World, isOver: () => boolean): Promise<void> {
  const run = async (write: Writer) => {
    try {
      while (!isOver()) await write(world)
    } catch (error) {
      // The server is gone: what it did not answer is in doubt. Anything else is a fault of the scenario.
      if (!isOver() && !(error instanceof Error && 'code' in error)) throw error
    }
  }
  await Promise.all([writeEntry, writeEntry, changeEntry, writeBatch, joinAndIssue, stepAuthority, banNode].map(run))
}

function claim({ ledger }: World, entry: Reply['body']): void {
  const { id, spiffeId, hint, revision } = entry
  ledger.entries.set(id, { spiffeId, hint, revision })
  ledger.doubtful.delete(id)
  ledger.highestRevision = Math.max(ledger.highestRevision, revision)
  ledger.acknowledged++
}

const newEntry = (name: string, parent = 'spiffe://example.org/countersign/agent/nobody') => ({
  spiffeId: `spiffe://example.org/${name}`,
  parentId: parent,
  selectors: [{ type: 'unix', value: `uid:${name}` }],
})

async function writeEntry(world: World): Promise<void> {
  const { status, body } = await world.server.admin('/v1/entries', newEntry(world.name()))
  if (status === 201) claim(world, body)
}

/** Changes one entry or deletes it. */
async function changeEntry(world: World): Promise<void> {
  const { ledger, server, random, name } = world
  const ids = [...ledger.entries.keys()].filter((id) => !ledger.doubtful.has(id))
  const id = ids[Math.floor(random() * ids.length)]
  if (id === undefined) return writeEntry(world)
  ledger.doubtful.add(id)
  if (random() < 0.7) {
    const { status, body } = await server.admin(`/v1/entries/${id}`, { hint: name() }, 'PATCH')
    if (status === 200) claim(world, body)
  } else {
    const { status } = await server.admin(`/v1/entries/${id}`, undefined, 'DELETE')
    if (status !== 204) return
    ledger.entries.delete(id)
    ledger.doubtful.delete(id)
    ledger.deleted.add(id)
    ledger.acknowledged++
  }
}

async function writeBatch(world: World): Promise<void> {
  const { server, ledger, name } = world
  const { revision } = (await server.admin('/v1/entries')).body
  const create = [newEntry(name()), newEntry(name()), newEntry(name())]
  ledger.pairs.push(create.map(({ spiffeId }) => spiffeId))
  const { status, body } = await server.admin('/v1/entries/batch', { revision, create })
  if (status === 200) for (const entry of body.created) claim(world, entry)
}

/** A new node with a workload of its own: token, attestation, entry, certificates, renewal. */
async function joinAndIssue(world: World): Promise<void> {
  const { server, ledger, name } = world
  const token = (await server.admin('/v1/join-tokens', { agentPath: `/${name()}`, ttl: 86_400 })).body.token as string
  const hash = CrashLedger.hashOf(token)
  ledger.tokens.set(hash, false)
  ledger.acknowledged++
  const client = new NodeClient(server.machineUrl)
  ledger.doubtfulTokens.add(hash)
  const attested = await client.attest(token)
  // The signing key may have been revoked at this very moment.
  if (attested.status !== 200) return
  ledger.doubtfulTokens.delete(hash)
  ledger.tokens.set(hash, true)
  ledger.nodes.add(client.agentId)
  keep(ledger, attested.body.credential, client.agentId)
  const entry = await server.admin('/v1/entries', newEntry(name(), client.agentId))
  if (entry.status !== 201) return
  claim(world, entry.body)
  for (let round = 0; round < 3; round++) {
    const issued = await client.issueX509([entry.body.id])
    if (issued.status === 200) keep(ledger, issued.body.svids[0].credential, client.agentId)
  }
  const renewed = await client.renew()
  if (renewed.status === 200) keep(ledger, renewed.body.credential, client.agentId)
}

function keep(ledger: CrashLedger, credential: { spiffeId: string; chain: string[] }, agentId: string): void {
  const leaf = new X509Certificate(decodeBase64(credential.chain[0] ?? ''))
  ledger.certificate(leaf.serialNumber.toLowerCase(), credential.spiffeId, agentId)
}

/** A whole life of a key in a hurry. */
async function stepAuthority({ server, ledger, random }: World): Promise<void> {
  const kind = ['x509', 'jwt', 'wit'][Math.floor(random() * 3)]
  const claimStep = (reply: Reply, id: string, step: 'prepared' | 'activated' | 'tainted' | 'revoked') => {
    if (reply.status !== 200) return
    ledger.steps.set(id, step)
    ledger.acknowledged++
  }
  const { authorities } = (await server.admin('/v1/authorities')).body
  const active = authorities.find((each: Reply['body']) => each.kind === kind && each.state === 'active')
  const prepared = await server.admin('/v1/authorities/prepare', { kind })
  claimStep(prepared, prepared.body.id, 'prepared')
  const { id } = prepared.body
  claimStep(await server.admin('/v1/authorities/activate', { id, force: true }), id, 'activated')
  if (active === undefined) return
  claimStep(await server.admin('/v1/authorities/taint', { id: active.id }), active.id, 'tainted')
  claimStep(await server.admin('/v1/authorities/revoke', { id: active.id, force: true }), active.id, 'revoked')
}

async function banNode({ server, ledger, random }: World): Promise<void> {
  const nodes = [...ledger.nodes].filter((agentId) => !ledger.banned.has(agentId))
  const agentId = nodes[Math.floor(random() * nodes.length)]
  if (agentId === undefined || random() < 0.5) {
    await server.admin('/v1/nodes')
    return
  }
  const { status } = await server.admin('/v1/nodes/ban', { agentId })
  if (status >= 300) return
  ledger.banned.add(agentId)
  ledger.acknowledged++
}
