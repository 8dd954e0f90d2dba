import { selectBundles, upsertBundle } from './bundle-store.ts'
import type { ChangeTransaction, Snapshot, Store } from './store.ts'
import { NO_FILES, setUsedTokenFiles } from './used-token-files-store.ts'

/**
 * - `restored`: `countersign server restore` put a backup in place
 * - `rolled-back`: the store is older than the high-water mark beside it
 * - `unknown-certificate`: a node came with a certificate that this server signed and does not know of
 */
export type HoldCause = 'restored' | 'rolled-back' | 'unknown-certificate'

/** Issuance is on hold because what happened after some moment was lost. */
export interface RestoredHold {
  readonly cause: HoldCause
  readonly since: number
}

export interface LostCertificate {
  readonly agentId: string
  /** Hexadecimal. */
  readonly serial: string
  readonly authorityId: string
  readonly issuedAt: number
  readonly expiresAt: number
}

/** What the store knows about having been put back to an earlier state. */
export class RecoveryStore {
  readonly #store: Store
  readonly #trustDomain: string

  constructor(store: Store, trustDomain: string) {
    this.#store = store
    this.#trustDomain = trustDomain
  }

  hold(): Promise<RestoredHold | undefined> {
    return this.#store.read(selectHold)
  }

  /**
   * Puts issuance on hold and the revision beyond everything that can have been used, so that no revision, bundle sequence or
   * CRL number ever has two meanings.
   */
  putOnHold(cause: HoldCause, beyond: number): Promise<RestoredHold> {
    return this.#store.change(async (change) => {
      await change.db.updateTable('revision').set({ value: beyond }).where('value', '<', beyond).execute()
      return setHold(change, cause)
    })
  }

  /**
   * Ends the hold. What is published gets numbers beyond those of what was published before, so that followers take it.
   *
   * @returns what was ended, `undefined` when nothing was on hold
   */
  resume(): Promise<RestoredHold | undefined> {
    return this.#store.change(async (change) => {
      const { db, record } = change
      const hold = await selectHold(db)
      if (hold === undefined) return undefined
      await db.updateTable('recovery').set({ held_since: null, cause: null }).where('id', '=', 1).execute()
      const revision = await record('issuance.resumed', hold.cause)
      const [own] = await selectBundles(db, [this.#trustDomain])
      if (own !== undefined) {
        await upsertBundle(change, this.#trustDomain, { ...own.bundle, spiffe_sequence: revision })
        await record('bundle.updated', this.#trustDomain, 'all')
      }
      // Missing lists are made at once.
      await db.deleteFrom('crls').execute()
      return hold
    })
  }

  /**
   * Judges a certificate that this server signed and that is not the present one of its node.
   *
   * - `known`: it was recorded, so its node was told to use another one, or was evicted
   * - `adopted`: it was issued in the time that was lost and is the node's present one from now on
   * - `lost`: it was issued in that time, and its node is not known any more
   * - `unexplained`: it was handed out and is not recorded, which only a store that was put back can say
   */
  judge(certificate: LostCertificate): Promise<'known' | 'adopted' | 'lost' | 'unexplained'> {
    return this.#store.change(async ({ db, record }) => {
      const { agentId, serial, authorityId, issuedAt, expiresAt } = certificate
      const recorded = await db.selectFrom('certificates').select('serial').where('serial', '=', serial).execute()
      if (recorded.length > 0) return 'known'
      const { lost_before } = await selectRecovery(db)
      if (lost_before === null || issuedAt > lost_before) return 'unexplained'
      const node = await db
        .selectFrom('nodes')
        .select(['serial', 'banned_at'])
        .where('agent_id', '=', agentId)
        .executeTakeFirst()
      if (node === undefined || node.banned_at !== null) return 'lost'
      await db
        .updateTable('nodes')
        .set({ serial, previous_serial: node.serial, expires_at: expiresAt })
        .where('agent_id', '=', agentId)
        .execute()
      const row = { serial, authority_id: authorityId, agent_id: agentId, expires_at: expiresAt }
      await db.insertInto('certificates').values(row).execute()
      await record('node.adopted', agentId)
      return 'adopted'
    })
  }
}

/** Whatever was issued up to now may be something that this store has lost. */
async function setHold({ db, now, record }: ChangeTransaction, cause: HoldCause): Promise<RestoredHold> {
  await db
    .updateTable('recovery')
    .set({ held_since: now, cause, lost_before: now })
    .where('id', '=', 1)
    .executeTakeFirstOrThrow()
  await setUsedTokenFiles(db, NO_FILES)
  await record('issuance.held', cause)
  return { cause, since: now }
}

async function selectHold(db: Snapshot): Promise<RestoredHold | undefined> {
  const { held_since, cause } = await selectRecovery(db)
  return held_since === null || cause === null ? undefined : { cause: cause as HoldCause, since: held_since }
}

function selectRecovery(db: Snapshot) {
  return db.selectFrom('recovery').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
}
