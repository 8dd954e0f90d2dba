import type { Entry, NewEntry } from '@countersign/api'
import { type IdentifierMatcher, WorkloadId } from '@countersign/protocol'
import { CliError } from '../cli-error.ts'

/** What has to be done so that the server has what a file says. */
export interface EntryPlan {
  readonly create: readonly NewEntry[]
  readonly replace: readonly Replacement[]
  readonly delete: readonly Entry[]
  readonly unchanged: number
}

export interface Replacement {
  readonly id: string
  readonly entry: NewEntry
  /** Names of the fields that differ, in the order of the API. */
  readonly fields: readonly string[]
}

/** Fields beside the three that say which entry it is. */
const FIELDS = [
  'x509SvidTtl',
  'jwtSvidTtl',
  'witTtl',
  'dnsNames',
  'hint',
  'admin',
  'downstream',
  'federatesWith',
  'expiresAt',
] as const satisfies readonly (keyof NewEntry)[]

/**
 * Compares what is wanted with what is there. An entry is the same when identifier, parent and set of selectors are.
 *
 * @param prune which identifiers the file speaks for in full: what it does not name of them is to be deleted
 * @throws CliError `ERR_CLI_USAGE` when the file names one entry twice
 */
export function planEntries(
  wanted: readonly NewEntry[],
  present: readonly Entry[],
  prune: IdentifierMatcher | undefined,
): EntryPlan {
  const presentByKey = new Map(present.map((entry) => [keyOf(entry), entry]))
  const seen = new Set<string>()
  const create: NewEntry[] = []
  const replace: Replacement[] = []
  for (const entry of wanted) {
    const key = keyOf(entry)
    if (seen.has(key)) {
      throw new CliError(
        'ERR_CLI_USAGE',
        `the file has two entries for ${entry.spiffeId} with one parent and selectors`,
      )
    }
    seen.add(key)
    const match = presentByKey.get(key)
    if (match === undefined) create.push(entry)
    else {
      const fields = FIELDS.filter((field) => textOf(entry[field]) !== textOf(match[field]))
      if (fields.length > 0) replace.push({ id: match.id, entry, fields })
    }
  }
  const isPruned = (entry: Entry) =>
    prune !== undefined && !seen.has(keyOf(entry)) && prune.matches(WorkloadId.parse(entry.spiffeId))
  return {
    // What lies below an alias cannot be created before it.
    create: [...create.filter(isAlias), ...create.filter((entry) => !isAlias(entry))],
    replace,
    delete: present.filter(isPruned),
    unchanged: wanted.length - create.length - replace.length,
  }
}

/** A node alias: its parent is the server. */
export function isAlias({ parentId }: NewEntry): boolean {
  return WorkloadId.parse(parentId).path === '/countersign/server'
}

/** The server tells entries apart by the same three. */
function keyOf({ spiffeId, parentId, selectors }: NewEntry): string {
  return JSON.stringify([spiffeId, parentId, selectors.map(({ type, value }) => JSON.stringify([type, value])).sort()])
}

/** `false`, an empty list and nothing at all mean the same. */
function textOf(value: NewEntry[(typeof FIELDS)[number]]): string {
  const isNothing = value === undefined || value === false || (Array.isArray(value) && value.length === 0)
  return isNothing ? '' : JSON.stringify(value)
}
