import type { Entry } from '@countersign/api'
import { WorkloadId } from '@countersign/protocol'
import { kindOfParent, SERVER_PATH } from './entry-parent.ts'

/** An entry as it is kept in memory: what is searched by, and the text that agents are sent. */
export interface EntryRecord {
  readonly id: string
  readonly revision: number
  readonly parentId: string
  readonly spiffeId: string
  readonly expiresAt: number | undefined
  readonly federatesWith: readonly string[]
  /** Of a node alias, each as one text. */
  readonly aliasSelectors: readonly string[] | undefined
  /** The entry as JSON, written once for all agents it goes to. */
  readonly json: string
}

const NONE: readonly string[] = []

export function toRecord(entry: Entry): EntryRecord {
  return {
    id: entry.id,
    revision: entry.revision,
    parentId: entry.parentId,
    spiffeId: entry.spiffeId,
    expiresAt: entry.expiresAt,
    federatesWith: entry.federatesWith ?? NONE,
    aliasSelectors: isAlias(entry) ? entry.selectors.map(selectorText) : undefined,
    json: JSON.stringify(entry),
  }
}

export function fromRecord({ json }: EntryRecord): Entry {
  return JSON.parse(json) as Entry
}

/** No text of one selector is that of another: a type has no colon in it. */
export function selectorText({ type, value }: Entry['selectors'][number]): string {
  return `${type}:${value}`
}

/** Most are told apart without parsing, of which a start with many entries has a lot to do. */
function isAlias({ parentId }: Entry): boolean {
  return parentId.endsWith(SERVER_PATH) && kindOfParent(WorkloadId.parse(parentId).path) === 'server'
}

export function isOver({ expiresAt }: EntryRecord, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now
}
