import type { Entry } from '@countersign/api'
import { IdentifierError, WorkloadId } from '@countersign/protocol'
import type { Caller } from './caller.ts'
import { invalidArgument, permissionDenied } from './rpc-error.ts'

/** @throws RpcError INVALID_ARGUMENT when an identity is asked for that cannot exist */
export function validateRequestedIdentity(spiffeId: string): void {
  if (spiffeId === '') return
  try {
    if (WorkloadId.parse(spiffeId).scheme === 'spiffe') return
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
  }
  throw invalidArgument('spiffe_id is not a SPIFFE ID')
}

/**
 * The caller's entries, or those of the one identity it asked for.
 *
 * @throws RpcError PERMISSION_DENIED when the caller does not have that identity: an empty list would look like success
 */
export function selectEntries(caller: Caller, spiffeId: string): readonly Entry[] {
  if (spiffeId === '') return caller.entries
  const selected = caller.entries.filter((entry) => entry.spiffeId === spiffeId)
  if (selected.length === 0) {
    caller.explainRefusal(spiffeId)
    throw permissionDenied('no identity issued')
  }
  return selected
}
