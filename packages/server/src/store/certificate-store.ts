import type { RevocationReason } from '@countersign/protocol'
import type { Transaction } from 'kysely'
import { NodeError } from '../attestation/node-error.ts'
import type { Schema } from './schema.ts'
import type { ChangeTransaction, Store } from './store.ts'

/** What must be known of a certificate to revoke it. */
export interface RecordedCertificate {
  /** Hexadecimal. */
  readonly serial: string
  readonly authorityId: string
  readonly expiresAt: number
}

interface Waiting {
  readonly agentId: string
  readonly certificates: readonly RecordedCertificate[]
  readonly done: (error?: unknown) => void
}

/** Requests that one transaction takes: others must not wait long for their turn. */
const MAX_TOGETHER = 256

/** Remembers what nodes were given. Whoever comes while something is written is written together with others. */
export class CertificateStore {
  readonly #store: Store
  #waiting: Waiting[] = []
  #isWriting = false

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Records all certificates of one request, or none.
   *
   * @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN`: asked in the same transaction, so that no certificate is
   *   handed out behind a ban that was to revoke it
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  record(agentId: string, certificates: readonly RecordedCertificate[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: unknown) => (error === undefined ? resolve() : reject(error))
      this.#waiting.push({ agentId, certificates, done })
      if (!this.#isWriting) void this.#writeAll()
    })
  }

  /**
   * Records one that the token service gives out. It belongs to no node, so that none takes it along when it is banned.
   *
   * @throws StoreError `ERR_STORE_UNWRITABLE`
   */
  recordExchanged(certificate: RecordedCertificate): Promise<void> {
    return this.#store.note((db) => insertCertificate(db, EXCHANGED, certificate))
  }

  /** Whether this server has revoked a certificate of its own. One that it never recorded is not. */
  isRevoked(serial: string): Promise<boolean> {
    return this.#store.read(async (snapshot) => {
      const row = await snapshot
        .selectFrom('certificates')
        .select('revoked_at')
        .where('serial', '=', serial)
        .executeTakeFirst()
      return row !== undefined && row.revoked_at !== null
    })
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const together = this.#waiting.splice(0, MAX_TOGETHER)
      try {
        const refusals = await this.#store.note((db) => writeTogether(db, together))
        for (const [index, { done }] of together.entries()) done(refusals[index])
      } catch (error) {
        for (const { done } of together) done(error)
      }
    }
    this.#isWriting = false
  }
}

/** In place of a node's identifier, which is a SPIFFE ID. */
const EXCHANGED = 'token-service'
const MAX_ROWS = 4096

/** @returns for each why it was refused, if it was */
async function writeTogether(db: Transaction<Schema>, together: readonly Waiting[]) {
  const agentIds = [...new Set(together.map(({ agentId }) => agentId))]
  const nodes = await db
    .selectFrom('nodes')
    .select(['agent_id', 'banned_at'])
    .where('agent_id', 'in', agentIds)
    .execute()
  const bannedAt = new Map(nodes.map((node) => [node.agent_id, node.banned_at]))
  const refusals = together.map(({ agentId }) => refusalOf(bannedAt.get(agentId)))
  const accepted = together.filter((_, index) => refusals[index] === undefined)
  const rows = accepted.flatMap(({ agentId, certificates }) => certificates.map((each) => toRow(agentId, each)))
  // SQLite takes 32 766 values in one statement.
  for (let start = 0; start < rows.length; start += MAX_ROWS) {
    await db
      .insertInto('certificates')
      .values(rows.slice(start, start + MAX_ROWS))
      .execute()
  }
  return refusals
}

function refusalOf(bannedAt: number | null | undefined): NodeError | undefined {
  if (bannedAt === undefined) return new NodeError('ERR_NODE_UNKNOWN', 'node is not attested any more')
  return bannedAt === null ? undefined : new NodeError('ERR_NODE_BANNED', 'node is banned')
}

/** Records one certificate in the transaction that hands it to the node. */
export async function insertCertificate(
  db: Transaction<Schema>,
  agentId: string,
  certificate: RecordedCertificate,
): Promise<void> {
  await db.insertInto('certificates').values(toRow(agentId, certificate)).execute()
}

function toRow(agentId: string, { serial, authorityId, expiresAt }: RecordedCertificate) {
  return { serial, authority_id: authorityId, agent_id: agentId, expires_at: expiresAt }
}

/** Revokes all certificates of a node that have not ended. They stay revoked, whatever becomes of the node. */
export async function revokeCertificatesOf(
  { db, now }: ChangeTransaction,
  agentId: string,
  reason: RevocationReason,
  revision: number,
): Promise<void> {
  await db
    .updateTable('certificates')
    .set({ revoked_at: now, revoked_revision: revision, reason })
    .where('agent_id', '=', agentId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>=', now)
    .execute()
}
