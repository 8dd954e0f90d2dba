import type { AgentStatus } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'

type Trouble = NonNullable<AgentStatus['server']['trouble']>

/** Whether the agent hears of its server, for whoever asks. Decides nothing. */
export class ServerContact {
  readonly #clock: Clock
  #current: Omit<AgentStatus['server'], 'url'> = { connected: false }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get current(): Omit<AgentStatus['server'], 'url'> {
    return this.#current
  }

  heard(): void {
    this.#current = { connected: true, heardAt: this.#clock.now() }
  }

  lost(trouble: Trouble): void {
    const { heardAt } = this.#current
    this.#current = { connected: false, ...(heardAt === undefined ? {} : { heardAt }), trouble }
  }
}
