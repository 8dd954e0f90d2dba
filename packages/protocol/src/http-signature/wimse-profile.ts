/** What the WIMSE profile asks of every message signature. */
export const SIGNATURE_TAG = 'wimse-workload-to-workload'

/** Label of a signature that stands beside others. */
export const SIGNATURE_LABEL = 'wimse'

/** Furthest `expires` may lie after `created` where a verifier sets nothing, in seconds. */
export const DEFAULT_MAX_SIGNATURE_LIFETIME_SECONDS = 300

/** What a signature must cover: always, and when the field is in the message. Serialised as in `Signature-Input`. */
export interface Coverage {
  readonly always: readonly string[]
  readonly whenPresent: readonly string[]
}

/** @see draft-ietf-wimse-http-signature, "The following derived components MUST be signed" */
export const REQUEST_COVERAGE: Coverage = {
  always: ['"@method"', '"@request-target"'],
  whenPresent: ['content-type', 'content-digest', 'authorization', 'txn-token', 'workload-identity-token'],
}

/** @see draft-ietf-wimse-http-signature, "If the response is signed" */
export const RESPONSE_COVERAGE: Coverage = {
  always: ['"@status"', '"workload-identity-token"', '"@method";req', '"@request-target";req'],
  whenPresent: ['content-type', 'content-digest'],
}

/** The profile's coverage, and further fields when they are present. */
export function withFields(coverage: Coverage, names: readonly string[] = []): Coverage {
  const added = names.map((name) => name.toLowerCase()).filter((name) => !coverage.whenPresent.includes(name))
  return { ...coverage, whenPresent: [...coverage.whenPresent, ...added] }
}
