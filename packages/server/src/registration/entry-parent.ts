/** What the identifier that an entry lies below can be. */

/** Paths below this prefix are the system's own identities. */
export const RESERVED_PATH = '/countersign'
/** Identifiers of agents lie below this path. */
export const AGENT_PATH = `${RESERVED_PATH}/agent`
export const SERVER_PATH = `${RESERVED_PATH}/server`

/**
 * - `agent`: the entry is of programs on that one node
 * - `server`: the entry is a node alias, its selectors are those of nodes
 * - `alias`: the entry is of programs on every node that the alias stands for
 */
export type ParentKind = 'agent' | 'server' | 'alias'

/** @returns undefined for a path of the system that entries cannot lie below */
export function kindOfParent(path: string): ParentKind | undefined {
  if (path.startsWith(`${AGENT_PATH}/`)) return 'agent'
  if (path === SERVER_PATH) return 'server'
  return isReserved(path) || path === '' ? undefined : 'alias'
}

/** With a segment boundary, so that "/countersigned" is free. */
export function isReserved(path: string): boolean {
  return path === RESERVED_PATH || path.startsWith(`${RESERVED_PATH}/`)
}
