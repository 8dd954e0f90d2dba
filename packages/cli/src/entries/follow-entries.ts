import { setTimeout as pause } from 'node:timers/promises'
import type { EntryEvent, EntryWatchMark } from '@countersign/api'
import { AdminProblem } from '../admin/admin-socket-error.ts'
import type { ServerEvent } from '../admin/follow-events.ts'
import type { AdminClient } from '../admin-client.ts'

export type WatchedEvent =
  | { readonly name: 'change'; readonly data: EntryEvent }
  | { readonly name: 'mark' | 'resync'; readonly data: EntryWatchMark }

export interface FollowOptions {
  readonly below: string | undefined
  readonly after: string | undefined
  readonly signal: AbortSignal
  readonly onEvent: (event: WatchedEvent) => void
  /** The connection broke; it is tried again. */
  readonly onLost: (reason: string) => void
}

const FIRST_RETRY_MS = 1_000

/**
 * Follows what happens to entries until the signal aborts. A connection that breaks is opened again and goes on where it
 * broke off.
 *
 * @throws AdminProblem, AdminSocketError when it cannot be opened at all, or is refused later
 */
export async function followEntries(client: AdminClient, options: FollowOptions): Promise<void> {
  const { below, signal, onEvent, onLost } = options
  let after = options.after
  let isConnected = false
  let retryMs = FIRST_RETRY_MS
  const take = (event: ServerEvent) => {
    isConnected = true
    if (!isWatched(event)) return
    after = String(event.data.revision)
    onEvent(event)
  }
  while (!signal.aborted) {
    const onRetry = (milliseconds: number) => {
      retryMs = milliseconds
    }
    const reading = { onEvent: take, onRetry, signal }
    const error = await client.follow('/v1/entries/events', { after, below }, reading).catch((error: Error) => error)
    if (signal.aborted) return
    if (error instanceof Error && (!isConnected || error instanceof AdminProblem)) throw error
    // Without an error it was the server that ended it, in good order, to ask anew who watches.
    if (error instanceof Error) onLost(error.message)
    await pause(retryMs, undefined, { signal }).catch(() => {})
  }
}

/** Events that this version does not know are passed over. */
function isWatched(event: ServerEvent): event is ServerEvent & WatchedEvent {
  return event.name === 'change' || event.name === 'mark' || event.name === 'resync'
}
