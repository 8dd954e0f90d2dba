import type { Entry } from '@countersign/api'
import type { Caller } from './caller.ts'
import { unavailable } from './rpc-error.ts'
import type { AnswerContext } from './service-context.ts'

/**
 * To be called when credentials were made, which takes as long as the server does, before they are given: what was withdrawn
 * meanwhile is not handed out.
 *
 * @param entries those that the credentials are of
 * @throws RpcError UNAVAILABLE when the program no longer has one of them: it asks again, and learns what it has now
 */
export function requireStillEntitled(
  { state, clock }: Pick<AnswerContext, 'state' | 'clock'>,
  { view, selectors }: Pick<Caller, 'view' | 'selectors'>,
  entries: readonly Entry[],
): void {
  if (state.view === view) return
  const now = state.view.entries.match(selectors, clock.now())
  const isStill = (entry: Entry) => now.some(({ id, spiffeId }) => id === entry.id && spiffeId === entry.spiffeId)
  if (!entries.every(isStill)) throw unavailable('identities have changed meanwhile')
}
