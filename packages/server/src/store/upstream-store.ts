import type { UpstreamBundle } from '@countersign/plugin-kit'
import { decodeBase64, encodeBase64, type PublicJwk } from '@countersign/protocol'
import type { AuthorityStore } from './authority-store.ts'
import type { Snapshot, Store } from './store.ts'

/** What an upstream said last. */
export interface StoredUpstream extends UpstreamBundle {
  /** Whether its bundle is the trust domain's: then a root it leaves out is published no more. */
  readonly sharesTrustDomain: boolean
}

/** What is known of the upstream, so that it is published also while that is away. */
export class UpstreamStore {
  readonly #store: Store
  readonly #authorities: AuthorityStore

  constructor(store: Store, authorities: AuthorityStore) {
    this.#store = store
    this.#authorities = authorities
  }

  get(): Promise<StoredUpstream | undefined> {
    return this.#store.read(selectUpstream)
  }

  /** @returns whether it is news; nothing is written otherwise */
  async put(upstream: StoredUpstream): Promise<boolean> {
    const document = format(upstream)
    const present = await this.get()
    if (present !== undefined && format(present) === document) return false
    await this.#authorities.publishWith(async ({ db, now }) => {
      const columns = { document, updated_at: now }
      await db
        .insertInto('upstream_bundle')
        .values({ id: 1, ...columns })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
        .execute()
    })
    return true
  }

  /** For a server that has no upstream any more. What it signed says by itself which roots are needed. */
  async forget(): Promise<void> {
    if ((await this.get()) === undefined) return
    await this.#authorities.publishWith(async ({ db }) => {
      await db.deleteFrom('upstream_bundle').execute()
    })
  }
}

export async function selectUpstream(snapshot: Snapshot): Promise<StoredUpstream | undefined> {
  const row = await snapshot.selectFrom('upstream_bundle').select('document').executeTakeFirst()
  return row && parse(row.document)
}

interface Document {
  readonly sharesTrustDomain: boolean
  readonly roots: readonly string[]
  readonly taintedRoots: readonly string[]
  readonly jwtAuthorities: readonly PublicJwk[]
  readonly witAuthorities: readonly PublicJwk[]
}

/** In an order of its own: an upstream may tell the same in another one each time. */
function format({ sharesTrustDomain, roots, taintedRoots, jwtAuthorities, witAuthorities }: StoredUpstream): string {
  const document: Document = {
    sharesTrustDomain,
    roots: roots.map(encodeBase64).sort(),
    taintedRoots: taintedRoots.map(encodeBase64).sort(),
    jwtAuthorities: byName(jwtAuthorities),
    witAuthorities: byName(witAuthorities),
  }
  return JSON.stringify(document)
}

function parse(text: string): StoredUpstream {
  const document = JSON.parse(text) as Document
  return {
    ...document,
    roots: document.roots.map(decodeBase64),
    taintedRoots: document.taintedRoots.map(decodeBase64),
  }
}

function byName(keys: readonly PublicJwk[]): PublicJwk[] {
  return [...keys].sort((a, b) => ((a.kid ?? '') < (b.kid ?? '') ? -1 : 1))
}
