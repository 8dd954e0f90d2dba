import { PolicyError } from '../errors/workload-identity-error.ts'
import { IdentifierError } from '../identifier/identifier-error.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { IdentifierMatcher, type IdentifierRule } from './identifier-matcher.ts'

/** An identifier as it arrived, and whether what carried it proved it. */
export interface ReceivedIdentifier {
  readonly identifier: string
  /** True only when a credential with this identifier was verified: signature, time and trust domain. */
  readonly isCredentialValid: boolean
}

/**
 * Allows identifiers by one rule. Everything it does not expressly allow is refused.
 *
 * @see draft-ietf-wimse-identifier, "Identifier Authenticity"
 */
export class IdentifierPolicy {
  readonly #matcher: IdentifierMatcher
  readonly #isEnabled: boolean

  /** @throws IdentifierError as {@link IdentifierMatcher.parse}, also for a policy that is switched off */
  constructor(rule: IdentifierRule & { readonly isEnabled?: boolean }) {
    this.#matcher = IdentifierMatcher.parse(rule)
    this.#isEnabled = rule.isEnabled ?? true
  }

  /**
   * @returns the identifier, which may be used from here on
   * @throws IdentifierError `ERR_IDENTIFIER_UNVERIFIED` when no validated credential carried it
   * @throws IdentifierError `ERR_IDENTIFIER_*` when the text is no identifier
   * @throws PolicyError `ERR_POLICY_DENIED` when the policy is switched off or means others
   */
  authorize({ identifier, isCredentialValid }: ReceivedIdentifier): WorkloadId {
    // First: of what nobody vouches for, not even the form is looked at.
    if (isCredentialValid !== true) {
      throw new IdentifierError('ERR_IDENTIFIER_UNVERIFIED', 'identifier did not come from a validated credential')
    }
    const id = WorkloadId.parse(identifier)
    if (!this.#isEnabled) {
      throw new PolicyError('ERR_POLICY_DENIED', 'workload is not allowed', { detail: 'policy is switched off' })
    }
    if (!this.#matcher.matches(id)) {
      throw new PolicyError('ERR_POLICY_DENIED', 'workload is not allowed', { detail: `no rule for ${id}` })
    }
    return id
  }
}
