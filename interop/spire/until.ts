import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 200

/**
 * Asks until there is an answer.
 *
 * @param ask its `undefined` means not yet; what it throws ends the wait
 * @throws Error that names what was waited for
 */
export async function until<T>(what: string, patienceMs: number, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${patienceMs / 1000} s`)
    await pause(POLL_MS)
  }
}
