import { IdentifierError, IdentifierMatcher, WorkloadId } from '@countersign/protocol'
import type { ExchangedSubject } from '@countersign/protocol/exchange'
import { ExchangeError } from '../exchange-error.ts'
import type { PartyMatcher as PartyRule } from './rule-schema.ts'

/** What was found out about a party's token when it was verified. */
export interface PartyCircumstances {
  /** The key that it is bound to was proved. */
  readonly isProven: boolean
  /** It was held to this server's names already, as assertions and grants are. */
  readonly isAddressed: boolean
}

/** Tells whether a party is the one a rule means, and if not, what of the rule does not hold. */
export class PartyMatcher {
  readonly #rule: PartyRule
  readonly #subjects: ReadonlySet<string> | undefined
  readonly #below: IdentifierMatcher | undefined
  readonly #audiences: ReadonlySet<string>

  /**
   * @param ownAudience the service's issuer identifier: what tokens must be for where the rule names no audience
   * @throws ExchangeError `ERR_EXCHANGE_RULES` when it says whom it means not at all, or twice
   */
  constructor(rule: PartyRule, ownAudience: string) {
    const ways = [rule.subject, rule.below, rule.anySubject].filter((way) => way !== undefined)
    if (ways.length !== 1) {
      throw new ExchangeError('ERR_EXCHANGE_RULES', 'exactly one of "subject", "below" and "anySubject" must be given')
    }
    this.#rule = rule
    this.#subjects = rule.subject === undefined ? undefined : new Set(rule.subject)
    this.#below = rule.below === undefined ? undefined : parseBelow(rule.below)
    this.#audiences = new Set(rule.audience ?? [ownAudience])
  }

  /** @returns names of the members that do not hold, in the order of the document; empty when all do */
  failuresOf(party: ExchangedSubject, { isProven, isAddressed }: PartyCircumstances): readonly string[] {
    const { profile, issuer, claims = {}, proof = 'required' } = this.#rule
    const failed: string[] = []
    if (party.profile !== profile) failed.push('profile')
    if (party.issuer !== issuer) failed.push('issuer')
    if (this.#subjects !== undefined && !this.#subjects.has(party.subject)) failed.push('subject')
    if (this.#below !== undefined && !meets(this.#below, party.subject)) failed.push('below')
    for (const [name, values] of Object.entries(claims)) {
      if (!hasValue(party, name, values)) failed.push(`claims.${name}`)
    }
    if (
      !isAddressed &&
      party.audience !== undefined &&
      !party.audience.some((audience) => this.#audiences.has(audience))
    ) {
      failed.push('audience')
    }
    // Whoever came by a token that is bound to a key must not use it without the key.
    if (party.confirmation !== undefined && !isProven && proof === 'required') failed.push('proof')
    return failed
  }
}

function hasValue(party: ExchangedSubject, name: string, values: readonly string[]): boolean {
  const value = Object.hasOwn(party.claims, name) ? party.claims[name] : undefined
  const held = typeof value === 'string' ? [value] : (value ?? [])
  return held.some((each) => values.includes(each))
}

function parseBelow(root: string): IdentifierMatcher {
  try {
    return IdentifierMatcher.parse({ root, match: 'descendants', allowEntireOrigin: true })
  } catch (cause) {
    if (!(cause instanceof IdentifierError)) throw cause
    throw new ExchangeError('ERR_EXCHANGE_RULES', `"below": ${cause.message}`, { cause })
  }
}

function meets(matcher: IdentifierMatcher, subject: string): boolean {
  try {
    return matcher.matches(WorkloadId.parse(subject))
  } catch (error) {
    if (error instanceof IdentifierError) return false
    throw error
  }
}
