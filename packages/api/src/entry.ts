import { type Static, Type } from 'typebox'
import { Selector, Timestamp, TrustDomainName, WorkloadId } from './common.ts'

const ttl = (what: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000, description: `${what} lifetime in seconds` }))

const entryFields = {
  spiffeId: WorkloadId,
  parentId: WorkloadId,
  selectors: Type.Array(Selector, { minItems: 1, maxItems: 64 }),
  x509SvidTtl: ttl('X509-SVID'),
  jwtSvidTtl: ttl('JWT-SVID'),
  witTtl: ttl('WIT-SVID'),
  dnsNames: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 253 }), { maxItems: 64 })),
  hint: Type.Optional(Type.String({ maxLength: 1024 })),
  admin: Type.Optional(Type.Boolean()),
  downstream: Type.Optional(Type.Boolean()),
  federatesWith: Type.Optional(Type.Array(TrustDomainName, { maxItems: 256 })),
  expiresAt: Type.Optional(Timestamp),
}

/** What an operator writes: which programs, on which node, are which workload. */
export const NewEntry = Type.Object(entryFields, { additionalProperties: false })
export type NewEntry = Static<typeof NewEntry>

/** Fields to replace; the others stay. */
export const EntryChange = Type.Partial(NewEntry, { additionalProperties: false })
export type EntryChange = Static<typeof EntryChange>

/** A registration entry as stored. `revision` is the change-log revision of its last change. */
export const Entry = Type.Object({
  id: Type.String(),
  revision: Type.Integer({ minimum: 0 }),
  createdAt: Timestamp,
  ...entryFields,
})
export type Entry = Static<typeof Entry>

const MAX_BATCH = 500

/**
 * `POST /v1/entries/batch`: all or none. `replace` sets every field of an entry: what the new one lacks is cleared.
 * `revision` is that of the list from which the batch was made; 409 when an entry has changed since.
 */
export const EntryBatch = Type.Object(
  {
    revision: Type.Integer({ minimum: 0 }),
    create: Type.Optional(Type.Array(NewEntry, { maxItems: MAX_BATCH })),
    replace: Type.Optional(
      Type.Array(
        Type.Object(
          { id: Type.String({ minLength: 1, maxLength: 64 }), entry: NewEntry },
          { additionalProperties: false },
        ),
        { maxItems: MAX_BATCH },
      ),
    ),
    delete: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: MAX_BATCH })),
  },
  { additionalProperties: false },
)
export type EntryBatch = Static<typeof EntryBatch>

export const EntryBatchResult = Type.Object({
  created: Type.Array(Entry),
  replaced: Type.Array(Entry),
  deleted: Type.Array(Entry),
  /** As of the end of the batch: what the next one may be based on. */
  revision: Type.Integer({ minimum: 0 }),
})
export type EntryBatchResult = Static<typeof EntryBatchResult>
