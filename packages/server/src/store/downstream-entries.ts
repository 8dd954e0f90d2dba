import type { Entry } from '@countersign/api'
import { selectEntries } from './entry-store.ts'
import type { Snapshot, Store } from './store.ts'

/** Which workloads may have a CA of their own. */
export class DownstreamEntries {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * The entry by which a certificate gives that right: all of one view, so that a ban is never half seen.
   *
   * @param serial hexadecimal, of the certificate it came with
   * @returns `undefined` when this server has no such certificate on record, or revoked it, when its node is banned or gone,
   *   and when no entry of that node and identifier has the flag `downstream`
   */
  find(spiffeId: string, serial: string, now: number): Promise<Entry | undefined> {
    return this.#store.read(async (snapshot) => {
      const agentId = await selectHolder(snapshot, serial)
      if (agentId === undefined) return undefined
      const entries = await selectEntries(snapshot, { spiffeId, parentId: agentId })
      return entries.find(({ downstream, expiresAt }) => downstream === true && (expiresAt ?? Infinity) > now)
    })
  }
}

async function selectHolder(snapshot: Snapshot, serial: string): Promise<string | undefined> {
  const row = await snapshot
    .selectFrom('certificates')
    .innerJoin('nodes', 'nodes.agent_id', 'certificates.agent_id')
    .select('certificates.agent_id')
    .where('certificates.serial', '=', serial)
    .where('certificates.revoked_at', 'is', null)
    .where('nodes.banned_at', 'is', null)
    .executeTakeFirst()
  return row?.agent_id
}
