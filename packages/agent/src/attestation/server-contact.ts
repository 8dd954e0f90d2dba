import type { AgentStatus, NextStep } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'
import { describe } from './call-outcome.ts'

/** Whether the agent hears of its server, for whoever asks. Decides nothing. */
export class ServerContact {
  readonly #clock: Clock
  #current: Omit<AgentStatus['server'], 'url'> = { connected: false }

  #needs: readonly NextStep[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get current(): Omit<AgentStatus['server'], 'url'> {
    return this.#current
  }

  /** What only an operator can do. */
  get needs(): readonly NextStep[] {
    return this.#needs
  }

  heard(): void {
    this.#needs = []
    this.#current = { connected: true, heardAt: this.#clock.now() }
  }

  /** @param error what the call failed with; `undefined` when the server ended it in good order */
  failed(error: unknown, need?: NextStep): void {
    const { reason: message, ...trouble } = describe(error)
    this.#needs = need === undefined ? [] : [need]
    const { heardAt } = this.#current
    this.#current = {
      connected: false,
      ...(heardAt === undefined ? {} : { heardAt }),
      trouble: { message, ...trouble },
    }
  }
}
