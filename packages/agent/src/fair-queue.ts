import type { Clock } from '@countersign/plugin-kit'
import { AgentError } from './agent-error.ts'

export interface FairQueueLimits {
  /** Pieces of work under way at once, in all and of one owner: whose work hangs must not hold all places. */
  readonly running: number
  readonly runningPerOwner: number
  /** Most that wait, in all and of one owner. */
  readonly waiting: number
  readonly waitingPerOwner: number
  /** How long one waits at most. */
  readonly patienceMs: number
}

interface Waiter {
  readonly start: () => void
}

/**
 * Runs so many pieces of work at once. The others wait; their owners take turns, so that one who asks for much waits for
 * itself and nobody else does. What finds no room, or no turn in time, is refused: trying again later helps.
 */
export class FairQueue<Owner> {
  readonly #limits: FairQueueLimits
  readonly #clock: Clock
  /** In the order of turns. An owner who has had one goes to the end. */
  readonly #waiting = new Map<Owner, Set<Waiter>>()
  #waiters = 0
  readonly #runningBy = new Map<Owner, number>()
  #running = 0

  constructor(limits: FairQueueLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiters
  }

  /** @throws AgentError `ERR_AGENT_BUSY` when there is no room to wait in, or the turn does not come in time */
  async run<T>(owner: Owner, work: () => Promise<T>): Promise<T> {
    if (this.#mayRun(owner)) this.#begin(owner)
    else await this.#turn(owner)
    try {
      return await work()
    } finally {
      this.#end(owner)
    }
  }

  #turn(owner: Owner): Promise<void> {
    const own = this.#waiting.get(owner) ?? new Set<Waiter>()
    if (this.#waiters >= this.#limits.waiting || own.size >= this.#limits.waitingPerOwner) {
      throw new AgentError('ERR_AGENT_BUSY', 'too many programs ask at once')
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          cancel()
          resolve()
        },
      }
      const cancel = this.#clock.schedule(this.#limits.patienceMs, () => {
        this.#remove(owner, waiter)
        reject(new AgentError('ERR_AGENT_BUSY', 'too many programs ask at once'))
      })
      this.#waiting.set(owner, own.add(waiter))
      this.#waiters += 1
    })
  }

  #remove(owner: Owner, waiter: Waiter): void {
    const own = this.#waiting.get(owner)
    if (own === undefined || !own.delete(waiter)) return
    this.#waiters -= 1
    if (own.size === 0) this.#waiting.delete(owner)
  }

  #mayRun(owner: Owner): boolean {
    const { running, runningPerOwner } = this.#limits
    return this.#running < running && (this.#runningBy.get(owner) ?? 0) < runningPerOwner
  }

  #begin(owner: Owner): void {
    this.#running += 1
    this.#runningBy.set(owner, (this.#runningBy.get(owner) ?? 0) + 1)
  }

  /** Frees the place and hands it to whoever is next. */
  #end(owner: Owner): void {
    this.#running -= 1
    const left = (this.#runningBy.get(owner) ?? 1) - 1
    if (left === 0) this.#runningBy.delete(owner)
    else this.#runningBy.set(owner, left)
    const next = this.#next()
    if (next === undefined) return
    const [nextOwner, waiter, own] = next
    this.#remove(nextOwner, waiter)
    if (own.size > 0) {
      this.#waiting.delete(nextOwner)
      this.#waiting.set(nextOwner, own)
    }
    this.#begin(nextOwner)
    waiter.start()
  }

  #next(): readonly [Owner, Waiter, Set<Waiter>] | undefined {
    for (const [owner, own] of this.#waiting) {
      const [first] = own
      if (first !== undefined && this.#mayRun(owner)) return [owner, first, own]
    }
    return undefined
  }
}
