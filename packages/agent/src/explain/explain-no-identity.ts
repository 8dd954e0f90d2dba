import { readlinkSync } from 'node:fs'
import type { Entry, NearEntry } from '@countersign/api'
import { type Clock, formatSelector, type Logger, type PeerProcess, type Selector } from '@countersign/plugin-kit'
import { isCurrent } from '../issuance/entry-index.ts'
import { LogLimit } from '../log-limit.ts'
import type { AgentView } from '../state/agent-state.ts'

const MAX_NEAR_ENTRIES = 3
/** Identities a program has, in one line of the log. */
const MAX_NAMED = 16
/** Any program may cause this comparison, so it takes no longer than this. */
const MAX_COMPARED = 2048
const MAX_REMEMBERED = 1024

/** The entries that fewest selectors keep a program from, nearest first. */
export function findNearestEntries(
  entries: readonly Entry[],
  selectors: readonly Selector[],
  now: number,
): NearEntry[] {
  const own = new Set(selectors.map(formatSelector))
  const nearest: { near: NearEntry; held: number }[] = []
  for (const entry of entries.slice(0, MAX_COMPARED)) {
    const wanted = entry.selectors.map(formatSelector)
    const missing = wanted.filter((each) => !own.has(each))
    const near = { entryId: entry.id, spiffeId: entry.spiffeId, missing, expired: !isCurrent(entry, now) }
    nearest.push({ near, held: wanted.length - missing.length })
    nearest.sort((a, b) => a.near.missing.length - b.near.missing.length || b.held - a.held)
    nearest.splice(MAX_NEAR_ENTRIES)
  }
  return nearest.map(({ near }) => near)
}

/** Tells the operator why a program got no identity. Never the program, which could then pretend. */
export class NoIdentityLog {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #limit: LogLimit
  readonly #told = new Set<string>()

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
    this.#limit = new LogLimit(clock)
  }

  /**
   * One event for a program and a state of the registrations: clients ask again and again.
   *
   * @param asked the one identity that a program asked for and does not have, though it may have others
   */
  readonly explain = (peer: PeerProcess, selectors: readonly Selector[], view: AgentView, asked?: string): void => {
    const occasion = `${peer.pid} ${peer.startTime} ${view.revision} ${view.status} ${asked ?? ''}`
    if (this.#told.has(occasion)) return
    const [oldest] = this.#told
    if (this.#told.size >= MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest)
    this.#told.add(occasion)
    const admitted = this.#limit.admit(String(peer.uid))
    if (admitted === undefined) return
    const now = this.#clock.now()
    const { entries } = view.entries
    const compared = asked === undefined ? entries : entries.filter((entry) => entry.spiffeId === asked)
    this.#log.warn(
      {
        pid: peer.pid,
        uid: peer.uid,
        path: readProgramPath(peer),
        selectors: selectors.map(formatSelector),
        agent: view.status,
        entries: entries.length,
        ...(asked === undefined
          ? {}
          : { asked, has: view.entries.match(selectors, now).slice(0, MAX_NAMED).map(idOf) }),
        nearest: findNearestEntries(compared, selectors, now),
        ...admitted,
      },
      'no identity issued',
    )
  }
}

function idOf({ spiffeId }: Entry): string {
  return spiffeId
}

/** What the process runs, for people: it may have been replaced since it was looked at. */
export function readProgramPath(peer: PeerProcess): string | undefined {
  try {
    const path = readlinkSync(`/proc/${peer.pid}/exe`)
    return peer.isAlive() ? path : undefined
  } catch {
    return undefined
  }
}
