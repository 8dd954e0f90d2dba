import type { Clock } from '@countersign/plugin-kit'
import type { HealthService } from '@countersign/workload-api/server'

/** What ends, ends without telling anybody. */
const LOOK_MS = 5_000

/** Keeps the gRPC health service of the socket true: as things change, and as time passes. Says nothing in the log. */
export class HealthTeller {
  readonly #health: HealthService
  readonly #canServe: () => boolean
  readonly #clock: Clock
  #cancel: () => void = () => {}

  constructor(health: HealthService, canServe: () => boolean, clock: Clock) {
    this.#health = health
    this.#canServe = canServe
    this.#clock = clock
    this.#round()
  }

  look(): void {
    this.#health.setServing(this.#canServe())
  }

  stop(): void {
    this.#cancel()
  }

  #round(): void {
    this.look()
    this.#cancel = this.#clock.schedule(LOOK_MS, () => this.#round())
  }
}
