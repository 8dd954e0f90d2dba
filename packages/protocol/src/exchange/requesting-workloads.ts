import type { JsonObject } from '../encoding/strict-json.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { requireText } from '../verification/txn-token-claims.ts'

/**
 * Claim for those who asked for the tokens that this one replaces, the first one first. The draft demands that they are kept
 * and leaves open how; `req_wl` stays the one text that it defines, and names whoever asked last.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token as a `subject_token`"
 */
export const EARLIER_WORKLOADS_CLAIM = 'urn:countersign:earlier_req_wl'

/** Tokens of one transaction that may follow on each other: so nobody keeps one alive, or makes it larger, without end. */
export const MAX_REQUESTING_WORKLOADS = 8

const MAX_NAME_LENGTH = 2048

/**
 * All workloads that asked for a token of the transaction, the first one first and the one of `req_wl` last.
 *
 * @throws CredentialError `ERR_CREDENTIAL_MALFORMED` when there is none, or the earlier ones are no list of names
 */
export function parseRequestingWorkloads(claims: JsonObject): readonly string[] {
  const earlier = claims[EARLIER_WORKLOADS_CLAIM] ?? []
  if (!Array.isArray(earlier) || earlier.length >= MAX_REQUESTING_WORKLOADS || !earlier.every(isName)) {
    throw new CredentialError('ERR_CREDENTIAL_MALFORMED', 'credential has no readable chain of requesting workloads')
  }
  return [...earlier, requireText(claims, 'req_wl')]
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH
}

/** The claims that say so. */
export function formatRequestingWorkloads(workloads: readonly string[]): JsonObject {
  const earlier = workloads.slice(0, -1)
  return {
    req_wl: workloads.at(-1),
    ...(earlier.length === 0 ? {} : { [EARLIER_WORKLOADS_CLAIM]: earlier }),
  }
}
