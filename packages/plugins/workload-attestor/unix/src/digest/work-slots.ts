import { AttestationError } from '@countersign/plugin-kit'

export interface WorkLimits {
  readonly running: number
  /** Running and waiting. */
  readonly total: number
  readonly perUid: number
}

/** Lets a few pieces of work run at a time, and bounds how many may wait, in all and for one user. */
export class WorkSlots {
  readonly #limits: WorkLimits
  readonly #byUid = new Map<number, number>()
  readonly #waiting = new Set<() => void>()
  #total = 0
  #running = 0

  constructor(limits: WorkLimits) {
    this.#limits = limits
  }

  /**
   * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when too much is under way
   * @throws `signal.reason` when the signal aborts before the turn has come
   */
  async run<T>(uid: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const own = this.#byUid.get(uid) ?? 0
    if (this.#total >= this.#limits.total || own >= this.#limits.perUid) {
      throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'too many programs are being looked at')
    }
    this.#total += 1
    this.#byUid.set(uid, own + 1)
    try {
      await this.#acquire(signal)
      try {
        return await work()
      } finally {
        this.#release()
      }
    } finally {
      this.#total -= 1
      const left = (this.#byUid.get(uid) ?? 1) - 1
      if (left === 0) this.#byUid.delete(uid)
      else this.#byUid.set(uid, left)
    }
  }

  #acquire(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted()
    if (this.#running < this.#limits.running) {
      this.#running += 1
      return undefined
    }
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.delete(start)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.add(start)
    })
  }

  /** Hands the place to the next in line, or frees it. */
  #release(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#running -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
