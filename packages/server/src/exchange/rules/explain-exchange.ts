import type { ExchangeExplanation, ExplainExchange, ExplainedParty } from '@countersign/api'
import { type ExchangedSubject, OAuthError } from '@countersign/protocol/exchange'
import type { ExchangeQuestion } from './decision.ts'
import type { ExchangeRuleSet } from './exchange-rule-set.ts'

/**
 * What the rules would say to a request whose tokens are all valid and proved: for an operator who writes rules. Issues
 * nothing, and is asked by the very code that decides requests.
 *
 * @param ownAudience the service's issuer identifier
 */
export function explainExchange(
  rules: ExchangeRuleSet,
  request: ExplainExchange,
  ownAudience: string,
): ExchangeExplanation {
  const subject = toParty(request.subject, ownAudience)
  const question: ExchangeQuestion = {
    grant: request.grant,
    client: request.client === undefined ? subject : toParty(request.client, ownAudience),
    subject,
    actor: request.actor === undefined ? undefined : toParty(request.actor, ownAudience),
    requested: request.requested,
    audience: request.audience ?? [],
    scopes: request.scopes,
    proven: undefined,
    isSubjectProven: true,
    isActorProven: true,
  }
  const decision = rules.decide(question)
  const findings = rules.explain(question).map(({ rule, failed }) => ({ rule, failed: [...failed] }))
  const answer = { requested: rules.requestedOf(question), findings }
  if (decision.allowed) return { allowed: true, rule: decision.rule.name, ttl: decision.rule.to.ttl, ...answer }
  return { allowed: false, error: new OAuthError(decision.code, decision.message).error, ...answer }
}

function toParty(party: ExplainedParty, ownAudience: string): ExchangedSubject {
  return {
    profile: party.profile,
    issuer: party.issuer,
    issuerUrl: party.issuer,
    subject: party.subject,
    localSubject: party.subject,
    claims: party.claims ?? {},
    scopes: party.scopes,
    audience: party.audience ?? [ownAudience],
    expiresAt: Number.MAX_SAFE_INTEGER,
    issuedAt: undefined,
    tokenId: undefined,
    confirmation: undefined,
    confirmationKey: undefined,
    actor: undefined,
    mayAct: undefined,
    clientId: undefined,
    transaction: undefined,
    digest: '',
  }
}
