import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'

export interface MaintenanceTask {
  readonly name: string
  run(): Promise<unknown>
}

export interface MaintenanceOptions {
  readonly tasks: readonly MaintenanceTask[]
  /** When some task has something to do at the latest. Seconds since the epoch. */
  readonly nextAt: () => number
  readonly clock: Clock
  readonly log: Logger
}

const MIN_DELAY_SECONDS = 1
const MAX_DELAY_SECONDS = 30

/** Runs the server's recurring tasks one after the other, round after round. A task that fails is tried again. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  #cancel: () => void = () => {}
  #round: Promise<void> = Promise.resolve()
  #isStopped = false
  #isWoken = false

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#scheduleNext()
  }

  /** Runs a round soon, for a change that cannot wait for the next one. */
  wake(): void {
    if (this.#isStopped || this.#isWoken) return
    this.#isWoken = true
    this.#cancel()
    void this.#round.then(() => {
      if (!this.#isStopped) this.#round = this.#runRound()
    })
  }

  /** Resolves when no task runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#round
  }

  async #runRound(): Promise<void> {
    this.#isWoken = false
    for (const task of this.#options.tasks) {
      if (this.#isStopped) return
      try {
        await task.run()
      } catch (error) {
        this.#options.log.error({ task: task.name, code: errorCode(error), err: error }, 'maintenance task failed')
      }
    }
    if (!this.#isStopped && !this.#isWoken) this.#scheduleNext()
  }

  #scheduleNext(): void {
    const { clock, nextAt } = this.#options
    const delay = Math.min(Math.max(nextAt() - clock.now(), MIN_DELAY_SECONDS), MAX_DELAY_SECONDS)
    this.#cancel = clock.schedule(delay * 1000, () => {
      this.#round = this.#runRound()
    })
  }
}
