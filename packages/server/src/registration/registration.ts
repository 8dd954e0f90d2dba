import type { Entry, EntryBatch, EntryBatchResult, EntryChange, EntryList, NewEntry } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import type { Audit } from '../audit/audit.ts'
import type { EntryGuard } from '../authorization/entry-guard.ts'
import type { EntryFilter } from '../store/entry-queries.ts'
import type { EntryStore } from '../store/entry-store.ts'
import { atStep, EntryError } from './entry-error.ts'
import { type EntryRules, validateEntry } from './validate-entry.ts'

export interface RegistrationOptions {
  readonly entries: EntryStore
  readonly audit: Audit
  readonly clock: Clock
  readonly newId: () => string
  readonly trustDomain: string
  readonly maxTtlSeconds: EntryRules['maxTtlSeconds']
}

/**
 * Which programs, on which node, are which workload: what operators say about it, checked, stored and audited.
 *
 * Each method takes the guard that says what its caller may. An entry that the caller may not know of is not there.
 */
export class Registration {
  readonly #options: RegistrationOptions

  constructor(options: RegistrationOptions) {
    this.#options = options
  }

  list(filter: EntryFilter, guard: EntryGuard): Promise<EntryList> {
    return this.#options.entries.list({ ...filter, below: guard.visible })
  }

  /** @throws EntryError `ERR_ENTRY_NOT_FOUND` */
  async get(id: string, guard: EntryGuard): Promise<Entry> {
    const entry = await this.#options.entries.get(id)
    if (entry === undefined || !guard.sees(entry)) throw new EntryError('ERR_ENTRY_NOT_FOUND', 'no such entry')
    return entry
  }

  /** @throws EntryError `ERR_ENTRY_EXISTS`, or as `validateEntry` does; AdminError `ERR_ADMIN_FORBIDDEN` */
  async create(fields: NewEntry, guard: EntryGuard): Promise<Entry> {
    this.#validate(fields)
    const entry = await this.#options.entries.create(this.#options.newId(), fields, guard)
    this.#options.audit.entryCreated(entry)
    return entry
  }

  /** Replaces the given fields, clears those that are null; the others stay. @throws EntryError as `create` does, or `ERR_ENTRY_NOT_FOUND` */
  async update(id: string, change: EntryChange, guard: EntryGuard): Promise<Entry> {
    const derive = (present: Entry) => {
      const { id: _id, revision: _revision, createdAt: _createdAt, ...fields } = present
      const next = applyChange(fields, change)
      this.#validate(next)
      return next
    }
    const entry = await this.#options.entries.update(id, derive, guard)
    this.#options.audit.entryUpdated(entry)
    return entry
  }

  /** @throws EntryError `ERR_ENTRY_NOT_FOUND`; AdminError `ERR_ADMIN_FORBIDDEN` */
  async delete(id: string, guard: EntryGuard): Promise<void> {
    this.#options.audit.entryDeleted(await this.#options.entries.delete(id, guard))
  }

  /**
   * Creates, replaces and deletes, all or none.
   *
   * @throws EntryError `ERR_ENTRY_CHANGED` when entries have changed since `batch.revision`
   * @throws EntryError as the single steps do; the message names the step
   */
  async batch(
    { revision, create = [], replace = [], delete: ids = [] }: EntryBatch,
    guard: EntryGuard,
  ): Promise<EntryBatchResult> {
    const { entries, audit, newId } = this.#options
    this.#validateEach('create', create)
    this.#validateEach(
      'replace',
      replace.map(({ entry }) => entry),
    )
    const steps = { create: create.map((entry) => ({ id: newId(), entry })), replace, delete: ids }
    const result = await entries.batch(revision, steps, guard)
    for (const entry of result.deleted) audit.entryDeleted(entry)
    for (const entry of result.replaced) audit.entryUpdated(entry)
    for (const entry of result.created) audit.entryCreated(entry)
    return result
  }

  /** When the next entry is over, if any is to be. Seconds since the epoch. */
  nextExpiry(): Promise<number | undefined> {
    return this.#options.entries.nextExpiry()
  }

  /** Deletes the entries whose `expiresAt` has passed. */
  async removeExpired(): Promise<void> {
    const expired = await this.#options.entries.removeExpired(this.#options.clock.now())
    for (const entry of expired) this.#options.audit.entryExpired(entry)
  }

  #validateEach(name: string, entries: readonly NewEntry[]): void {
    for (const [index, entry] of entries.entries()) {
      try {
        this.#validate(entry)
      } catch (error) {
        throw atStep(error, `${name}[${index}]`)
      }
    }
  }

  #validate(entry: NewEntry): void {
    const { trustDomain, maxTtlSeconds, clock } = this.#options
    validateEntry(entry, { trustDomain, maxTtlSeconds, now: clock.now() })
  }
}

function applyChange(present: NewEntry, change: EntryChange): NewEntry {
  const members = Object.entries({ ...present, ...change }).filter(([, value]) => value !== null)
  // The schema lets null be said of fields that an entry need not have, and of no others.
  return Object.fromEntries(members) as NewEntry
}
