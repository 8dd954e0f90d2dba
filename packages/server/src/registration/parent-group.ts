import { EntrySetDigest } from '@countersign/api'
import type { EntryRecord } from './entry-record.ts'

/** The entries below one parent, an agent or an alias, and what is asked of all of them together. */
export class ParentGroup {
  readonly #records = new Map<string, EntryRecord>()
  readonly digest = new EntrySetDigest()
  /** How many entries name each trust domain. */
  readonly #federated = new Map<string, number>()

  get size(): number {
    return this.#records.size
  }

  get records(): Iterable<EntryRecord> {
    return this.#records.values()
  }

  get federatesWith(): Iterable<string> {
    return this.#federated.keys()
  }

  add(record: EntryRecord): void {
    this.#records.set(record.id, record)
    this.digest.add(record)
    for (const name of record.federatesWith) this.#federated.set(name, (this.#federated.get(name) ?? 0) + 1)
  }

  delete(record: EntryRecord): void {
    this.#records.delete(record.id)
    this.digest.delete(record)
    for (const name of record.federatesWith) {
      const rest = (this.#federated.get(name) ?? 0) - 1
      if (rest > 0) this.#federated.set(name, rest)
      else this.#federated.delete(name)
    }
  }
}
