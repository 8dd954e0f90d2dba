import type { Entry } from '@countersign/api'
import type { EntryDirectory } from '../registration/entry-directory.ts'
import { fromRecord } from '../registration/entry-record.ts'
import type { Snapshot, Store } from './store.ts'

/** By which entry a workload on which node may have a CA. */
export interface DownstreamEntry {
  readonly agentId: string
  readonly entry: Entry
}

/** Which workloads may have a CA of their own. */
export class DownstreamEntries {
  readonly #store: Store
  readonly #directory: EntryDirectory

  constructor(store: Store, directory: EntryDirectory) {
    this.#store = store
    this.#directory = directory
  }

  /**
   * The entry by which a certificate gives that right: all of one view, so that a ban is never half seen.
   *
   * @param serial hexadecimal, of the certificate it came with
   * @returns `undefined` when this server has no such certificate on record, or revoked it, when its node is banned or gone,
   *   and when no entry of that node, or of an alias of it, and of that identifier has the flag `downstream`
   */
  find(spiffeId: string, serial: string, now: number): Promise<DownstreamEntry | undefined> {
    return this.#store.read(async (snapshot) => {
      const agentId = await selectHolder(snapshot, serial)
      if (agentId === undefined) return undefined
      const entry = this.#entriesOf(agentId, spiffeId, now).find(({ downstream }) => downstream === true)
      return entry && { agentId, entry }
    })
  }

  #entriesOf(agentId: string, spiffeId: string, now: number): Entry[] {
    const all = [...this.#directory.entriesBelow(this.#directory.parentsOf(agentId))]
    const named = all.filter((record) => record.spiffeId === spiffeId)
    return named.flatMap(({ id }) => this.#directory.find(agentId, id, now) ?? []).map(fromRecord)
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
