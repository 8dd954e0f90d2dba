/** Tells the parts of one server, in commit order, what was just changed. */
import type { Entry, Selector } from '@countersign/api'

export type ChangeKind =
  | 'entry.created'
  | 'entry.updated'
  | 'entry.deleted'
  | 'entry.expired'
  | 'node.attested'
  | 'node.renewed'
  | 'node.banned'
  | 'node.evicted'
  | 'join_token.created'
  | 'join_token.redeemed'
  | 'bundle.updated'
  | 'bundle.deleted'
  | 'federation.created'
  | 'federation.updated'
  | 'federation.deleted'
  | 'authority.prepared'
  | 'authority.activated'
  | 'authority.retired'
  | 'authority.removed'
  | 'authority.tainted'
  | 'authority.revoked'
  | 'crl.updated'
  | 'role_grant.created'
  | 'role_grant.deleted'
  | 'issuance.held'
  | 'issuance.resumed'
  | 'node.adopted'

/** What was changed, for those who keep a picture of it in memory. Of the log only the identifiers are stored. */
export interface ChangeDetails {
  /** `before` is absent of an entry that was created, `after` of one that is gone. */
  readonly entry?: { readonly before?: Entry; readonly after?: Entry }
  readonly node?: { readonly selectors: readonly Selector[] }
}

export interface StoreChange extends ChangeDetails {
  readonly revision: number
  readonly at: number
  readonly kind: ChangeKind
  /** Identifier of what changed: an entry's id, an agent's identifier, a trust domain, a hash. */
  readonly subject: string
  /** Whose sync state may differ now. Not stored. */
  readonly agents: readonly string[] | 'all'
}

export type ChangeListener = (change: StoreChange) => void

export class ChangeFeed {
  readonly #listeners = new Set<ChangeListener>()

  /** @returns a function that ends the subscription */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls every listener. One that throws has a bug: it hides nothing from the others and is reported as uncaught. */
  publish(change: StoreChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
