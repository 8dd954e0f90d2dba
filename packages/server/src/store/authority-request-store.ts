import { decodeBase64, encodeBase64 } from '@countersign/protocol'
import type { AuthorityRequestRow } from './schema.ts'
import type { Store } from './store.ts'

/** A certificate authority that waits for its certificate. */
export interface AuthorityRequest {
  readonly id: string
  readonly keyName: string
  /** PKCS #10, DER. */
  readonly csr: Uint8Array
  readonly createdAt: number
  /** Its key is deleted then. */
  readonly endsAt: number
}

/** Requests that somebody signs by hand. They are published nowhere. */
export class AuthorityRequestStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Oldest first. */
  list(): Promise<AuthorityRequest[]> {
    return this.#store.read(async (snapshot) => {
      const rows = await snapshot
        .selectFrom('authority_requests')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      return rows.map(fromRow)
    })
  }

  add({ id, keyName, csr, createdAt, endsAt }: AuthorityRequest): Promise<void> {
    return this.#store.note(async (db) => {
      const row = { id, key_name: keyName, csr: encodeBase64(csr), created_at: createdAt, ends_at: endsAt }
      await db.insertInto('authority_requests').values(row).execute()
    })
  }

  remove(id: string): Promise<void> {
    return this.#store.note(async (db) => {
      await db.deleteFrom('authority_requests').where('id', '=', id).execute()
    })
  }
}

function fromRow(row: AuthorityRequestRow): AuthorityRequest {
  return {
    id: row.id,
    keyName: row.key_name,
    csr: decodeBase64(row.csr),
    createdAt: row.created_at,
    endsAt: row.ends_at,
  }
}
