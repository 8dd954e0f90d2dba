import type { Node, Selector } from '@countersign/api'
import { NodeError } from '../attestation/node-error.ts'
import { insertCertificate, type RecordedCertificate, revokeCertificatesOf } from './certificate-store.ts'
import { joinTokenUnknown, spendJoinToken } from './join-token-store.ts'
import type { NodeRow } from './schema.ts'
import type { ChangeTransaction, Snapshot, Store } from './store.ts'

/** What attestation concluded about a node, and the certificate it got. */
export interface AttestedNodeRecord {
  readonly agentId: string
  readonly attestor: string
  readonly selectors: readonly Selector[]
  readonly serial: string
  /** Which signed the certificate. */
  readonly authorityId: string
  readonly expiresAt: number
}

/** What an attestation took. */
export interface SpentTokens {
  readonly hashes: Iterable<string>
  readonly keyHash: string
}

/** Attested nodes and the certificates each may come with. */
export class NodeStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  list(): Promise<Node[]> {
    return this.#store.read(async (snapshot) => {
      const rows = await snapshot.selectFrom('nodes').selectAll().orderBy('agent_id').execute()
      return rows.map(fromRow)
    })
  }

  get(agentId: string): Promise<Node | undefined> {
    return this.#store.read(async (snapshot) => {
      const row = await snapshot.selectFrom('nodes').selectAll().where('agent_id', '=', agentId).executeTakeFirst()
      return row && fromRow(row)
    })
  }

  /**
   * Whether a certificate of this agent still stands.
   *
   * @throws NodeError `ERR_NODE_BANNED`
   * @throws NodeError `ERR_NODE_UNKNOWN` when the node was evicted, or attested again since with another certificate
   */
  requireCurrent(agentId: string, serial: string): Promise<void> {
    return this.#store.read((snapshot) => requireCurrentNode(snapshot, agentId, serial))
  }

  /**
   * Records an attestation and spends what it took, both or neither. Certificates of an earlier attestation of the same
   * node stop being accepted.
   *
   * @param spent hashes of join tokens, and of the public key they are spent for
   * @throws NodeError `ERR_NODE_BANNED`; a ban outlives attestation
   * @throws AttestationError `ERR_ATTESTATION_TOKEN_UNKNOWN` when a token was spent or has expired meanwhile
   */
  recordAttested(node: AttestedNodeRecord, spent: SpentTokens = { hashes: [], keyHash: '' }): Promise<void> {
    return this.#store.change(async (change) => {
      let isAgain = false
      for (const hash of spent.hashes) isAgain = (await spendJoinToken(change, hash, spent.keyHash)) || isAgain
      const present = await change.db
        .selectFrom('nodes')
        .select('banned_at')
        .where('agent_id', '=', node.agentId)
        .executeTakeFirst()
      if (present !== undefined && present.banned_at !== null) throw banned()
      // It was evicted meanwhile: the token it once came with does not bring it back.
      if (isAgain && present === undefined) throw joinTokenUnknown()
      const columns = {
        attestor: node.attestor,
        selectors: JSON.stringify(node.selectors),
        attested_at: change.now,
        expires_at: node.expiresAt,
        banned_at: null,
        serial: node.serial,
        previous_serial: null,
      }
      await change.db
        .insertInto('nodes')
        .values({ agent_id: node.agentId, ...columns })
        .onConflict((conflict) => conflict.column('agent_id').doUpdateSet(columns))
        .execute()
      await insertCertificate(change.db, node.agentId, node)
      await change.record('node.attested', node.agentId, [], () => ({ node: { selectors: node.selectors } }))
    })
  }

  /**
   * Records a renewal. The certificate the node renewed with stays valid beside the new one, because the node may never
   * have got the answer.
   *
   * @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN` when that changed since the request was admitted
   */
  recordRenewed(agentId: string, usedSerial: string, renewed: RecordedCertificate): Promise<void> {
    const { serial, expiresAt } = renewed
    return this.#store.change(async (change) => {
      await requireCurrentNode(change.db, agentId, usedSerial)
      await change.db
        .updateTable('nodes')
        .set({ serial, previous_serial: usedSerial, expires_at: expiresAt })
        .where('agent_id', '=', agentId)
        .execute()
      await insertCertificate(change.db, agentId, renewed)
      await change.record('node.renewed', agentId)
    })
  }

  /**
   * Refuses the node from now on, even if it attests again, and revokes the certificates it holds.
   *
   * @throws NodeError `ERR_NODE_NOT_FOUND`
   */
  ban(agentId: string): Promise<Node> {
    return this.#store.change(async (change) => {
      const node = await requireNode(change, agentId)
      if (node.bannedAt !== undefined) return node
      await change.db.updateTable('nodes').set({ banned_at: change.now }).where('agent_id', '=', agentId).execute()
      const revision = await change.record('node.banned', agentId)
      await revokeCertificatesOf(change, agentId, 'privilegeWithdrawn', revision)
      return { ...node, bannedAt: change.now }
    })
  }

  /**
   * Forgets the node and revokes the certificates it holds. It may attest again.
   *
   * @throws NodeError `ERR_NODE_NOT_FOUND`
   */
  evict(agentId: string): Promise<Node> {
    return this.#store.change(async (change) => {
      const node = await requireNode(change, agentId)
      await change.db.deleteFrom('nodes').where('agent_id', '=', agentId).execute()
      const revision = await change.record('node.evicted', agentId)
      await revokeCertificatesOf(change, agentId, 'cessationOfOperation', revision)
      return node
    })
  }
}

/** Of all nodes, also of those that are banned. */
export async function selectNodeSelectors(
  snapshot: Snapshot,
): Promise<{ readonly agentId: string; readonly selectors: readonly Selector[] }[]> {
  const rows = await snapshot.selectFrom('nodes').select(['agent_id', 'selectors']).execute()
  return rows.map((row) => ({ agentId: row.agent_id, selectors: JSON.parse(row.selectors) as Selector[] }))
}

/** @throws NodeError as `NodeStore.requireCurrent` */
export async function requireCurrentNode(snapshot: Snapshot, agentId: string, serial: string): Promise<void> {
  const row = await snapshot
    .selectFrom('nodes')
    .select(['banned_at', 'serial', 'previous_serial'])
    .where('agent_id', '=', agentId)
    .executeTakeFirst()
  if (row === undefined) throw unknown()
  if (row.banned_at !== null) throw banned()
  if (serial !== row.serial && serial !== row.previous_serial) throw unknown()
}

async function requireNode(change: ChangeTransaction, agentId: string): Promise<Node> {
  const row = await change.db.selectFrom('nodes').selectAll().where('agent_id', '=', agentId).executeTakeFirst()
  if (row === undefined) throw new NodeError('ERR_NODE_NOT_FOUND', 'no such node')
  return fromRow(row)
}

function unknown() {
  return new NodeError('ERR_NODE_UNKNOWN', 'node is not attested with this certificate')
}

function banned() {
  return new NodeError('ERR_NODE_BANNED', 'node is banned')
}

function fromRow(row: NodeRow): Node {
  return {
    agentId: row.agent_id,
    attestor: row.attestor,
    selectors: JSON.parse(row.selectors) as Selector[],
    attestedAt: row.attested_at,
    expiresAt: row.expires_at,
    ...(row.banned_at !== null && { bannedAt: row.banned_at }),
  }
}
