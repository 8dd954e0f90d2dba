import { type Static, type TSchema, Type } from 'typebox'
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

/**
 * What an operator writes: which programs, on which node, are which workload. `parentId` is an agent's identifier, or a
 * node alias's. With the server's own as `parentId` the entry is itself a node alias: `spiffeId` stands for every node that
 * has all of `selectors`, which are then a node's.
 */
export const NewEntry = Type.Object(entryFields, { additionalProperties: false })
export type NewEntry = Static<typeof NewEntry>

const orCleared = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]))

/** Fields to replace; `null` clears one that an entry need not have; the others stay. */
export const EntryChange = Type.Object(
  {
    spiffeId: Type.Optional(entryFields.spiffeId),
    parentId: Type.Optional(entryFields.parentId),
    selectors: Type.Optional(entryFields.selectors),
    x509SvidTtl: orCleared(entryFields.x509SvidTtl),
    jwtSvidTtl: orCleared(entryFields.jwtSvidTtl),
    witTtl: orCleared(entryFields.witTtl),
    dnsNames: orCleared(entryFields.dnsNames),
    hint: orCleared(entryFields.hint),
    admin: orCleared(entryFields.admin),
    downstream: orCleared(entryFields.downstream),
    federatesWith: orCleared(entryFields.federatesWith),
    expiresAt: orCleared(entryFields.expiresAt),
  },
  { additionalProperties: false },
)
export type EntryChange = Static<typeof EntryChange>

/** Fields that an entry need not have, and that a change may clear. */
export const CLEARABLE_ENTRY_FIELDS = [
  'x509SvidTtl',
  'jwtSvidTtl',
  'witTtl',
  'dnsNames',
  'hint',
  'admin',
  'downstream',
  'federatesWith',
  'expiresAt',
] as const satisfies readonly (keyof EntryChange)[]

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

/**
 * `GET /v1/entries/events` (server-sent events, named as `change` is): something has happened to one entry. Several things
 * that happened to it while nobody was told are told as one. The id of each event is its revision; `?after=` or
 * `Last-Event-ID` goes on from there.
 */
export const EntryEvent = Type.Object({
  change: Type.Union([Type.Literal('created'), Type.Literal('updated'), Type.Literal('deleted')]),
  revision: Type.Integer({ minimum: 0 }),
  at: Timestamp,
  id: Type.String(),
  spiffeId: WorkloadId,
  /** As it is now. Absent when it was deleted, and when it no longer has an identifier that was asked for. */
  entry: Type.Optional(Entry),
})
export type EntryEvent = Static<typeof EntryEvent>

/**
 * Data of the events `mark` and `resync`. `mark` comes first, and at least every 15 seconds: all until `revision` has been
 * told. `resync`: what happened until then is no longer known in full, so list the entries anew.
 */
export const EntryWatchMark = Type.Object({ revision: Type.Integer({ minimum: 0 }) })
export type EntryWatchMark = Static<typeof EntryWatchMark>

/** Query of `GET /v1/entries/events`. */
export const EntryWatchQuery = Type.Object(
  {
    /** Decimal. Without it only what happens from now on is told. */
    after: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
    /** Only entries of this identifier and those below it. */
    below: Type.Optional(WorkloadId),
  },
  { additionalProperties: false },
)
export type EntryWatchQuery = Static<typeof EntryWatchQuery>
