import { IdentifierMatcher, type IdentifierRule, WorkloadId } from '@countersign/protocol'

/** The ways of naming a workload that this agent can follow. */
export type ReferenceType = 'pid'

/** What an operator lets a broker ask for. */
export interface BrokerRule {
  /** The broker's exact SPIFFE ID. */
  readonly id: string
  readonly references: readonly ReferenceType[]
  readonly identities: readonly IdentifierRule[]
}

/** What one broker may ask for. */
export interface BrokerGrant {
  allowsReference(type: ReferenceType): boolean
  allowsIdentity(spiffeId: string): boolean
}

/**
 * Which broker may ask for whom. Fixed while the agent runs; who is not named may do nothing.
 *
 * @see SPIFFE Broker Endpoint section 5, Broker API section 4.1
 */
export class BrokerPolicy {
  readonly #grants: ReadonlyMap<string, BrokerGrant>

  private constructor(grants: ReadonlyMap<string, BrokerGrant>) {
    this.#grants = grants
  }

  /** @throws IdentifierError when a rule names no identifier */
  static parse(rules: readonly BrokerRule[]): BrokerPolicy {
    return new BrokerPolicy(new Map(rules.map((rule) => [WorkloadId.parse(rule.id).toString(), parseGrant(rule)])))
  }

  /** `undefined` for everyone who is not a broker. */
  grantOf(broker: WorkloadId): BrokerGrant | undefined {
    return this.#grants.get(broker.toString())
  }
}

function parseGrant({ references, identities }: BrokerRule): BrokerGrant {
  const types = new Set(references)
  const matchers = identities.map((rule) => IdentifierMatcher.parse(rule))
  return {
    allowsReference: (type) => types.has(type),
    allowsIdentity(spiffeId) {
      const id = WorkloadId.parse(spiffeId)
      return matchers.some((matcher) => matcher.matches(id))
    },
  }
}
