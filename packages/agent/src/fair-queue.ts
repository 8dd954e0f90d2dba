import type { Clock } from '@countersign/plugin-kit'
import { AgentError } from './agent-error.ts'

export interface FairQueueLimits {
  /** Pieces of work under way at once. */
  readonly running: number
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
    if (this.#running < this.#limits.running) this.#running += 1
    else await this.#turn(owner)
    try {
      return await work()
    } finally {
      this.#passOn()
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

  /** Hands the place to whoever is next, or frees it. */
  #passOn(): void {
    for (const [owner, own] of this.#waiting) {
      for (const waiter of own) {
        this.#remove(owner, waiter)
        if (own.size > 0) {
          this.#waiting.delete(owner)
          this.#waiting.set(owner, own)
        }
        waiter.start()
        return
      }
    }
    this.#running -= 1
  }
}
