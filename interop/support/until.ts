import { setTimeout as pause } from 'node:timers/promises'

const PATIENCE_MS = 30_000
const POLL_MS = 50

/** Asks until there is an answer. @throws Error when patience ends, with what it was about */
export async function until<T>(
  ask: () => Promise<T | undefined | false>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`no sign of ${what}`)
    await pause(POLL_MS)
  }
}
