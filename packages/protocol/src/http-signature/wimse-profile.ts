/** What the WIMSE profile asks of every message signature. */
export const SIGNATURE_TAG = 'wimse-workload-to-workload'

/** Label of a signature that stands beside others. */
export const SIGNATURE_LABEL = 'wimse'

/** Furthest `expires` may lie after `created` where a verifier sets nothing, in seconds. */
export const DEFAULT_MAX_SIGNATURE_LIFETIME_SECONDS = 300

/** What a signature must cover: always, and when the field is in the message. */
export interface Coverage {
  /** Serialised as in `Signature-Input`. */
  readonly always: readonly string[]
  readonly whenPresent: readonly CoveredField[]
}

export interface CoveredField {
  /** In lower case. */
  readonly name: string
  /** The same, serialised. */
  readonly component: string
}

/** @see draft-ietf-wimse-http-signature, "The following derived components MUST be signed" */
export const REQUEST_COVERAGE: Coverage = {
  always: ['"@method"', '"@request-target"'],
  whenPresent: toFields(['content-type', 'content-digest', 'authorization', 'txn-token', 'workload-identity-token']),
}

/** @see draft-ietf-wimse-http-signature, "If the response is signed" */
export const RESPONSE_COVERAGE: Coverage = {
  always: ['"@status"', '"workload-identity-token"', '"@method";req', '"@request-target";req'],
  whenPresent: toFields(['content-type', 'content-digest']),
}

/** The profile's coverage, and further fields when they are present. */
export function withFields({ always, whenPresent }: Coverage, names: readonly string[] = []): Coverage {
  const known = whenPresent.map(({ name }) => name)
  return { always, whenPresent: toFields([...known, ...names.map((name) => name.toLowerCase())]) }
}

function toFields(names: readonly string[]): readonly CoveredField[] {
  return [...new Set(names)].map((name) => ({ name, component: `"${name}"` }))
}
