import { AgentError } from '../agent-error.ts'

const MAX_IN_FLIGHT = 128
/** A program asks for what it likes, such as JWT-SVIDs for ever new audiences, but only in the name of its own entries. */
const MAX_IN_FLIGHT_PER_ENTRY = 32

/** Keeps one program's requests from filling the queue to the server that all programs share. */
export class InFlightLimit {
  readonly #byEntry = new Map<string, number>()
  #total = 0

  /** @throws AgentError `ERR_AGENT_CREDENTIAL` when too much is under way; asking again later helps */
  async run<T>(entryId: string, work: () => Promise<T>): Promise<T> {
    const own = this.#byEntry.get(entryId) ?? 0
    if (this.#total >= MAX_IN_FLIGHT || own >= MAX_IN_FLIGHT_PER_ENTRY) {
      throw new AgentError('ERR_AGENT_CREDENTIAL', 'too many credentials are being issued')
    }
    this.#total += 1
    this.#byEntry.set(entryId, own + 1)
    try {
      return await work()
    } finally {
      this.#total -= 1
      const left = (this.#byEntry.get(entryId) ?? 1) - 1
      if (left === 0) this.#byEntry.delete(entryId)
      else this.#byEntry.set(entryId, left)
    }
  }
}
