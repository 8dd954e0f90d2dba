import type { SyncState } from '@countersign/api'
import { encodeBase64 } from '@countersign/protocol'
import { selectTainted } from '../issuance/own-bundle.ts'
import { selectAuthorities } from '../store/authority-store.ts'
import { selectBundles } from '../store/bundle-store.ts'
import { selectCrls } from '../store/crl-store.ts'
import { selectEntries } from '../store/entry-store.ts'
import { requireCurrentNode } from '../store/node-store.ts'
import { currentRevision, type Snapshot, type Store } from '../store/store.ts'

/** Reads what one agent may know, all of one revision. */
export class SyncStates {
  readonly #store: Store
  readonly #trustDomain: string

  constructor(store: Store, trustDomain: string) {
    this.#store = store
    this.#trustDomain = trustDomain
  }

  /**
   * @param serial of the certificate the agent came with
   * @param now entries that are over are left out
   * @throws NodeError `ERR_NODE_BANNED`, `ERR_NODE_UNKNOWN`: asked in the same view, so that nothing is told to a node
   *   that was refused before
   */
  read(agentId: string, serial: string, now: number): Promise<SyncState> {
    return this.#store.read(async (snapshot) => {
      await requireCurrentNode(snapshot, agentId, serial)
      const entries = (await selectEntries(snapshot, { parentId: agentId })).filter(
        (entry) => (entry.expiresAt ?? Infinity) > now,
      )
      const tainted = await selectTainted(snapshot, this.#trustDomain)
      const crls = await selectCrls(snapshot)
      const intermediates = await selectIntermediates(snapshot)
      const federated = new Set(entries.flatMap((entry) => entry.federatesWith ?? []))
      return {
        revision: await currentRevision(snapshot),
        trustDomain: this.#trustDomain,
        entries,
        bundles: await this.#readBundles(snapshot, [...federated]),
        ...(tainted.length > 0 && { tainted }),
        ...(crls.length > 0 && { crls }),
        ...(intermediates.length > 0 && { intermediates }),
      }
    })
  }

  async #readBundles(snapshot: Snapshot, federated: readonly string[]): Promise<SyncState['bundles']> {
    const bundles = await selectBundles(snapshot, [this.#trustDomain, ...federated])
    const isOwn = ({ trustDomain }: SyncState['bundles'][number]) => trustDomain === this.#trustDomain
    return [...bundles.filter(isOwn), ...bundles.filter((bundle) => !isOwn(bundle))]
  }
}

/** Without them nobody could tell that a revocation list is by a CA of this trust domain. */
async function selectIntermediates(snapshot: Snapshot): Promise<string[]> {
  const authorities = await selectAuthorities(snapshot)
  const all = authorities.flatMap(({ certificate, upstream }) =>
    certificate === undefined || upstream === undefined ? [] : [certificate, ...upstream.chain],
  )
  return [...new Set(all.map(encodeBase64))]
}
