import type { Clock, PeerProcess } from '@countersign/plugin-kit'
import { HeldProcess } from './held-process.ts'

/** One call's hold on a process. */
export interface ProcessLease {
  /** `undefined` once the process has ended. */
  peer(): PeerProcess | undefined
  release(): void
}

interface Entry {
  readonly process: HeldProcess
  readonly listeners: Set<() => void>
  isEnded: boolean
}

/** How long after its end a process may go unnoticed where nobody asks. */
const WATCH_MS = 1_000

/**
 * The processes that calls are about, each held once however many calls name it, and watched: no program tells us that
 * another one has ended.
 */
export class ProcessTable {
  readonly #clock: Clock
  readonly #hold: typeof HeldProcess.hold
  readonly #entries = new Map<number, Entry>()
  #cancelWatch: (() => void) | undefined

  constructor(clock: Clock, hold = HeldProcess.hold) {
    this.#clock = clock
    this.#hold = hold
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Holds the process that has this pid now.
   *
   * @param onEnd called once when it has ended
   * @returns `undefined` when there is none
   * @throws AgentError `ERR_AGENT_BUSY` when the agent is out of descriptors
   */
  acquire(pid: number, onEnd: () => void): ProcessLease | undefined {
    const entry = this.#find(pid)
    if (entry === undefined) return undefined
    // A function of its own for each lease: two may be given the same listener.
    const listener = () => onEnd()
    entry.listeners.add(listener)
    this.#watch()
    return {
      peer: () => entry.process.peer(),
      release: () => this.#release(pid, entry, listener),
    }
  }

  #find(pid: number): Entry | undefined {
    const known = this.#entries.get(pid)
    if (known?.process.isAlive()) return known
    const process = this.#hold(pid)
    if (process === undefined) return undefined
    const entry = { process, listeners: new Set<() => void>(), isEnded: false }
    // Those who hold the former owner of the pid keep their entry; this one is another process.
    this.#entries.set(pid, entry)
    if (known !== undefined) this.#end(known)
    return entry
  }

  #release(pid: number, entry: Entry, listener: () => void): void {
    if (!entry.listeners.delete(listener) || entry.listeners.size > 0) return
    entry.process.release()
    if (this.#entries.get(pid) === entry) this.#entries.delete(pid)
    if (this.#entries.size > 0) return
    this.#cancelWatch?.()
    this.#cancelWatch = undefined
  }

  #watch(): void {
    this.#cancelWatch ??= this.#clock.schedule(WATCH_MS, () => {
      this.#cancelWatch = undefined
      for (const entry of [...this.#entries.values()]) if (!entry.process.isAlive()) this.#end(entry)
      if (this.#entries.size > 0) this.#watch()
    })
  }

  #end(entry: Entry): void {
    if (entry.isEnded) return
    entry.isEnded = true
    for (const listener of [...entry.listeners]) listener()
  }
}
