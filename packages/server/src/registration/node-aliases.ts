import type { Selector } from '@countersign/api'
import { type EntryRecord, isOver, selectorText } from './entry-record.ts'

interface KnownNode {
  readonly selectors: ReadonlySet<string>
  /** Of alias entries, those that match. */
  readonly matching: ReadonlySet<EntryRecord>
  /** The node's own identifier, then its aliases in order. The same object for as long as it says the same. */
  readonly parents: readonly string[]
  /** Revision since which `parents` is so. */
  readonly since: number
}

type Named = readonly [selector: string, alias: EntryRecord]

/**
 * Which nodes each alias stands for: those that have all of its selectors. Both sides are filed by selector, so that
 * neither a new node nor a new alias is compared with all of the other.
 */
export class NodeAliases {
  readonly #nodes = new Map<string, KnownNode>()
  readonly #nodesBySelector = new Map<string, Set<string>>()
  /** Filed under one of its selectors: the one that the fewest others are filed under. */
  readonly #aliasesBySelector = new Map<string, Set<EntryRecord>>()
  readonly #filedUnder = new Map<string, Named>()
  /** By the alias's identifier. */
  readonly #members = new Map<string, Set<string>>()

  /** @param revision of the change; nothing is known of what the node was before */
  putNode(agentId: string, selectors: readonly Selector[], revision: number): void {
    this.removeNode(agentId)
    const own = new Set(selectors.map(selectorText))
    const matching = new Set<EntryRecord>()
    for (const selector of own) {
      add(this.#nodesBySelector, selector, agentId)
      for (const alias of this.#aliasesBySelector.get(selector) ?? []) if (hasAll(own, alias)) matching.add(alias)
    }
    this.#replace(agentId, { selectors: own, matching, parents: [], since: revision }, revision)
  }

  removeNode(agentId: string): void {
    const node = this.#nodes.get(agentId)
    if (node === undefined) return
    for (const selector of node.selectors) remove(this.#nodesBySelector, selector, agentId)
    for (const alias of node.parents) remove(this.#members, alias, agentId)
    this.#nodes.delete(agentId)
  }

  /** @returns the nodes that got or lost an alias by it */
  addAlias(alias: EntryRecord, revision: number): string[] {
    const [rarest] = (alias.aliasSelectors ?? []).toSorted((a, b) => this.#filed(a) - this.#filed(b))
    // One without selectors would stand for every node; the API refuses such, and so does this.
    if (rarest === undefined) return []
    add(this.#aliasesBySelector, rarest, alias)
    this.#filedUnder.set(alias.id, [rarest, alias])
    const matching = [...this.#nodesWithAll(alias)]
    return matching.filter((agentId) => this.#change(agentId, revision, (aliases) => aliases.add(alias)))
  }

  /** @returns the nodes that got or lost an alias by it */
  removeAlias(id: string, revision: number): string[] {
    const filed = this.#filedUnder.get(id)
    if (filed === undefined) return []
    const [selector, alias] = filed
    this.#filedUnder.delete(id)
    remove(this.#aliasesBySelector, selector, alias)
    const members = [...(this.#members.get(alias.spiffeId) ?? [])]
    return members.filter((agentId) => this.#change(agentId, revision, (aliases) => aliases.delete(alias)))
  }

  /** Below whom the entries of a node lie: its own identifier first. Also of a node that is not known. */
  parentsOf(agentId: string): readonly string[] {
    return this.#nodes.get(agentId)?.parents ?? [agentId]
  }

  /** Revision since which {@link parentsOf} says this. */
  parentsSince(agentId: string): number {
    return this.#nodes.get(agentId)?.since ?? Number.POSITIVE_INFINITY
  }

  /** Whether an entry below this parent is one of the agent's, now. */
  isBelow(agentId: string, parentId: string, now: number): boolean {
    if (parentId === agentId) return true
    for (const alias of this.#nodes.get(agentId)?.matching ?? []) {
      if (alias.spiffeId === parentId && !isOver(alias, now)) return true
    }
    return false
  }

  /** Whose entries lie below this parent. */
  agentsBelow(parentId: string): Iterable<string> {
    return this.#members.get(parentId) ?? [parentId]
  }

  #filed(selector: string): number {
    return this.#aliasesBySelector.get(selector)?.size ?? 0
  }

  *#nodesWithAll(alias: EntryRecord): Generator<string> {
    const holders = (selector: string) => this.#nodesBySelector.get(selector)
    const [fewest] = (alias.aliasSelectors ?? []).toSorted((a, b) => (holders(a)?.size ?? 0) - (holders(b)?.size ?? 0))
    for (const agentId of holders(fewest ?? '') ?? []) {
      const node = this.#nodes.get(agentId)
      if (node !== undefined && hasAll(node.selectors, alias)) yield agentId
    }
  }

  /** @returns whether the node has other parents than before */
  #change(agentId: string, revision: number, edit: (aliases: Set<EntryRecord>) => void): boolean {
    const node = this.#nodes.get(agentId)
    if (node === undefined) return false
    const matching = new Set(node.matching)
    edit(matching)
    return this.#replace(agentId, { ...node, matching }, revision)
  }

  #replace(agentId: string, node: KnownNode, revision: number): boolean {
    // Several entries may give one alias.
    const aliases = [...new Set([...node.matching].map(({ spiffeId }) => spiffeId))].sort()
    const parents = [agentId, ...aliases]
    const isSame =
      parents.length === node.parents.length && parents.every((each, index) => each === node.parents[index])
    if (isSame) {
      this.#nodes.set(agentId, node)
      return false
    }
    for (const parent of node.parents) remove(this.#members, parent, agentId)
    for (const parent of parents) add(this.#members, parent, agentId)
    this.#nodes.set(agentId, { ...node, parents, since: revision })
    return true
  }
}

function hasAll(selectors: ReadonlySet<string>, { aliasSelectors = [] }: EntryRecord): boolean {
  return aliasSelectors.every((each) => selectors.has(each))
}

function add<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([value]))
  else set.add(value)
}

function remove<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = map.get(key)
  set?.delete(value)
  if (set?.size === 0) map.delete(key)
}
