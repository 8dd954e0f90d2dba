/** How server and agent find out, in a few octets, whether they speak of the same state. */
import { hash } from 'node:crypto'
import type { TrustDomainBundle } from './common.ts'
import type { TaintedAuthority } from './machine.ts'

/** What says which version of which entry it is. */
export interface EntryVersion {
  readonly id: string
  readonly revision: number
}

const WORDS = 4

/**
 * A fingerprint of a set of entries that one entry can be added to or taken from without looking at the others: the
 * exclusive or of a hash of each. It finds accidents; against someone who chooses ids and revisions it would be no proof,
 * and both are the server's alone to give.
 */
export class EntrySetDigest {
  readonly #words = new Uint32Array(WORDS)
  #count = 0

  static of(entries: Iterable<EntryVersion>): EntrySetDigest {
    const digest = new EntrySetDigest()
    for (const entry of entries) digest.add(entry)
    return digest
  }

  add(entry: EntryVersion): void {
    this.#mix(hashEntry(entry))
    this.#count += 1
  }

  /** Of an entry that was added, at that revision. */
  delete(entry: EntryVersion): void {
    this.#mix(hashEntry(entry))
    this.#count -= 1
  }

  /** Adds all that the other has; no entry may be in both. */
  merge(other: EntrySetDigest): void {
    this.#mix(other.#words)
    this.#count += other.#count
  }

  toString(): string {
    return `${this.#count}:${this.#words.join('.')}`
  }

  #mix(words: Uint32Array): void {
    for (let index = 0; index < WORDS; index++) {
      this.#words[index] = (this.#words[index] as number) ^ (words[index] as number)
    }
  }
}

function hashEntry({ id, revision }: EntryVersion): Uint32Array {
  const bytes = hash('sha256', `${id} ${revision}`, 'buffer')
  return Uint32Array.from({ length: WORDS }, (_, index) => bytes.readUInt32BE(4 * index))
}

/** All of a `SyncState` that matters to an agent, but for its entries. */
export interface SyncSurroundings {
  readonly aliases?: readonly string[] | undefined
  readonly bundles: readonly TrustDomainBundle[]
  readonly tainted?: readonly TaintedAuthority[] | undefined
  readonly crls?: readonly string[] | undefined
  readonly intermediates?: readonly string[] | undefined
}

const NONE: readonly never[] = []

/** The `digest` of a state: equal for equal states, whatever their revision and the order of their entries. */
export function syncDigest(entries: EntrySetDigest, surroundings: SyncSurroundings): string {
  const { aliases, bundles, tainted, crls, intermediates } = surroundings
  const parts = [
    entries.toString(),
    aliases ?? NONE,
    bundles.map(({ trustDomain, bundle }) => [trustDomain, hashOf(bundle)]),
    hashOf(tainted ?? NONE),
    hashOf(crls ?? NONE),
    hashOf(intermediates ?? NONE),
  ]
  return hash('sha256', JSON.stringify(parts), 'base64url')
}

const hashes = new WeakMap<object, string>()

/** Of the value as JSON. Values are never changed, and the same one is asked about often. */
function hashOf(value: object): string {
  const known = hashes.get(value)
  if (known !== undefined) return known
  const fresh = hash('sha256', JSON.stringify(value), 'base64url')
  hashes.set(value, fresh)
  return fresh
}
