export interface HeldToken {
  /** Secret. */
  readonly token: string
  /** Unix time, seconds. */
  readonly expiresAt: number
}

export interface KeepTokenFileOptions {
  /** A token that is valid now. */
  readonly fetch: () => Promise<HeldToken>
  /** Replaces what the file holds. */
  readonly write: (token: string) => Promise<void>
  /** Unix time, seconds. */
  readonly now: () => number
  /** Returns after so many seconds, or as soon as `signal` aborts. */
  readonly wait: (seconds: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly onWritten: (token: HeldToken) => void
  /** A renewal failed; it is tried again. */
  readonly onFailed: (error: unknown) => void
}

const MIN_WAIT_SECONDS = 5
const MAX_RETRY_SECONDS = 60
/** After a sleep of the machine, a renewal that was due is at most this late. */
const STEP_SECONDS = 15

/**
 * Keeps a valid token in a file until the signal aborts: it is replaced when half of what was left of its life is over.
 *
 * @throws whatever the first `fetch` or `write` throws: what never worked is for a person to mend
 */
export async function keepTokenFile(options: KeepTokenFileOptions): Promise<void> {
  const { fetch, write, now, signal, onWritten, onFailed } = options
  let held: HeldToken | undefined
  let retrySeconds = MIN_WAIT_SECONDS
  while (!signal.aborted) {
    let waitSeconds: number
    try {
      const fetched = await fetch()
      if (fetched.token !== held?.token) {
        await write(fetched.token)
        onWritten(fetched)
      }
      held = fetched
      retrySeconds = MIN_WAIT_SECONDS
      waitSeconds = Math.max(MIN_WAIT_SECONDS, Math.floor((held.expiresAt - now()) / 2))
    } catch (error) {
      if (held === undefined) throw error
      onFailed(error)
      waitSeconds = retrySeconds
      retrySeconds = Math.min(retrySeconds * 2, MAX_RETRY_SECONDS)
    }
    await waitUntilDue(options, waitSeconds)
  }
}

/** Whichever comes first, by the clock and by what was waited: a clock that is set back must not put a renewal off. */
async function waitUntilDue({ now, wait, signal }: KeepTokenFileOptions, seconds: number): Promise<void> {
  const dueAt = now() + seconds
  let left = seconds
  while (left > 0 && now() < dueAt && !signal.aborted) {
    const step = Math.min(left, STEP_SECONDS)
    await wait(step, signal)
    left -= step
  }
}
