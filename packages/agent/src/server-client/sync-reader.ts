import { SyncChange, SyncedState, SyncMark, SyncState } from '@countersign/api'
import { parseAs } from './parse-as.ts'
import { ServerCallError } from './server-call-error.ts'

/** Makes whole states of the events of one stream. */
export class SyncReader {
  #held: SyncedState | undefined
  #isFirst = true

  /** @param known what the agent has from before */
  constructor(known: SyncState | undefined) {
    this.#held = known === undefined ? undefined : new SyncedState(known)
  }

  /** The query that tells the server what the agent has. */
  get claim(): string {
    if (this.#held === undefined) return ''
    const { state, digest } = this.#held
    return `?${new URLSearchParams({ after: String(state.revision), digest })}`
  }

  /**
   * @returns the state when the event says anything new, and with the first event in any case
   * @throws ServerCallError `ERR_AGENT_SERVER_DIVERGED` when the server speaks of another state than the agent has
   * @throws ServerCallError `ERR_AGENT_SERVER_RESPONSE`
   */
  take(event: string, data: string): SyncState | undefined {
    switch (event) {
      case 'sync':
        this.#held = new SyncedState(parseAs(SyncState, data))
        break
      case 'change':
        if (this.#held?.apply(parseAs(SyncChange, data)) !== true) throw diverged()
        break
      case 'current':
        if (this.#held?.confirm(parseAs(SyncMark, data)) !== true) throw diverged()
        if (!this.#isFirst) return undefined
        break
      default:
        // Of a newer server, perhaps.
        return undefined
    }
    this.#isFirst = false
    return this.#held.state
  }
}

function diverged(): ServerCallError {
  return new ServerCallError('ERR_AGENT_SERVER_DIVERGED', "what the agent has is not what the server's changes are to")
}
