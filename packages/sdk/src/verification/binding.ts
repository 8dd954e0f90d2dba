import { PolicyError, type WorkloadId } from '@countersign/protocol'

/** How a caller shows who it is. All but `bearer` prove that it holds a key; whoever has a bearer token can be anyone. */
export type Binding = 'wpt' | 'http-signature' | 'mtls' | 'bearer'

/** What counts where nothing is configured. */
const PROOFS: readonly Binding[] = ['wpt', 'http-signature', 'mtls']

/**
 * Which bindings count: the same for all callers, or for each its own. A function is asked about the caller that was
 * verified, never about what a request claims.
 */
export type AcceptedBindings = readonly Binding[] | ((caller: WorkloadId) => readonly Binding[])

/**
 * For the move from bearer tokens to proofs: every proof counts from everybody, a bearer token only from these callers.
 *
 * @see draft-ietf-wimse-workload-creds, "Coexistence with JWT Bearer Tokens"
 */
export function acceptBearerFrom(mayUseBearer: (caller: WorkloadId) => boolean): AcceptedBindings {
  return (caller) => (mayUseBearer(caller) === true ? [...PROOFS, 'bearer'] : PROOFS)
}

/** Which bindings a service takes: looked at before a caller is known, and again when it is. */
export class BindingPolicy {
  readonly #accepted: AcceptedBindings

  /** @throws TypeError when nothing would ever be accepted */
  constructor(accepted: AcceptedBindings = PROOFS) {
    if (typeof accepted !== 'function' && accepted.length === 0) throw new TypeError('accept must name a binding')
    this.#accepted = accepted
  }

  /** Whether somebody may use this binding: decides what is looked at, and nothing else. */
  mayCount(binding: Binding): boolean {
    return typeof this.#accepted === 'function' || this.#accepted.includes(binding)
  }

  /** @throws PolicyError `ERR_POLICY_PROOF_NOT_ACCEPTED` when this caller may not use this binding */
  require(binding: Binding, caller: WorkloadId): void {
    const accepted = typeof this.#accepted === 'function' ? this.#accepted(caller) : this.#accepted
    if (accepted.includes(binding) !== true) {
      throw new PolicyError('ERR_POLICY_PROOF_NOT_ACCEPTED', 'caller must prove itself in another way', {
        detail: `${caller.toString()} by ${binding}`,
      })
    }
  }
}
