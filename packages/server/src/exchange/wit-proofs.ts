import { collectFields, SIGNATURE_TAG } from '@countersign/protocol'
import { singleField, WIT_FIELD } from './header-field.ts'
import type { TokenRequest } from './token-request.ts'

/** By what a request proves the key of its WIT, as far as its fields say. Whatever it shows must hold. */
export interface WitProofs {
  readonly byToken: boolean
  readonly bySignature: boolean
}

const WPT_FIELD = 'workload-proof-token'
const FIELDS = new Set([WPT_FIELD, 'signature', 'signature-input'])

/**
 * Other parties sign messages too: beside a proof token, a signature counts only if it says that it is for workloads. Alone it
 * is taken for what it should be, so that the client hears what is wrong with it.
 *
 * @returns `undefined` for a request without a WIT in its own field
 * @throws OAuthError `ERR_OAUTH_INVALID_CLIENT` for more than one
 */
export function witProofsOf(request: TokenRequest): WitProofs | undefined {
  if (singleField(request, WIT_FIELD, 'ERR_OAUTH_INVALID_CLIENT') === undefined) return undefined
  const fields = collectFields(request.rawHeaders, FIELDS)
  const byToken = fields.has(WPT_FIELD)
  const isSigned = fields.has('signature') || fields.has('signature-input')
  const isForWorkloads = (fields.get('signature-input') ?? []).join().includes(`"${SIGNATURE_TAG}"`)
  return { byToken, bySignature: isSigned && (!byToken || isForWorkloads) }
}
