import type { PublicJwk } from '@countersign/protocol'
import { errorCode, IdentifierError, WorkloadId } from '@countersign/protocol'
import {
  type Actor,
  actorsOfTransaction,
  type ExchangedSubject,
  OAuthError,
  prependActor,
  shrinkAudience,
  shrinkBinding,
  shrinkLifetime,
  shrinkScopes,
  type TokenOrder,
} from '@countersign/protocol/exchange'
import { OWN_ISSUER } from './own-token-keys.ts'
import type { ExchangeQuestion } from './rules/decision.ts'
import { isSameParty } from './rules/exchange-rule-set.ts'
import type { ExchangeRule } from './rules/rule-schema.ts'
import { TRANSACTION_TOKEN } from './rules/transaction-rule.ts'

export interface OrderSurroundings {
  readonly now: number
  /** `client_id` where nobody authenticated. */
  readonly anonymousClient: string
  /** The key that `proven` of the question means, where it is known. */
  readonly provenKey: PublicJwk | undefined
}

/**
 * Makes the order that a rule allows: everything shrunk to what rule and tokens have in common.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_SCOPE`, `ERR_OAUTH_INVALID_TARGET`, `ERR_OAUTH_INVALID_DPOP_PROOF`,
 *   `ERR_OAUTH_INVALID_REQUEST` when no time is left, or the chain of actors is too long
 */
export function makeOrder(question: ExchangeQuestion, rule: ExchangeRule, surroundings: OrderSurroundings): TokenOrder {
  const { subject, client, actor } = question
  const { to } = rule
  const { now } = surroundings
  const ends = [subject, client, actor].flatMap((party) => (party === undefined ? [] : [party.expiresAt]))
  const confirmation = shrinkBinding({ held: subject.confirmation, proven: question.proven, rule: to.binding })
  return {
    subject: to.subject ?? requireNoForeignIdentifier(question),
    audience: shrinkAudience(question.audience, to.audience),
    scopes: shrinkScopes(question.scopes, to.scopes, subject.scopes),
    clientId: client?.localSubject ?? surroundings.anonymousClient,
    actor: chainOf(question, rule),
    claims: pickClaims(question, to.claims ?? []),
    confirmation,
    confirmationKey: surroundings.provenKey,
    issuedAt: now,
    expiresAt: shrinkLifetime(now, to.ttl, ends),
    source: subject,
    transaction: subject.transaction,
    transactionRequest: question.transactionRequest,
  }
}

/**
 * The name of a subject that a rule does not rename. An issuer that is no trust domain could name its subject like a
 * workload of one, and whoever reads our token would take it for that workload.
 */
function requireNoForeignIdentifier({ subject }: ExchangeQuestion): string {
  const name = subject.localSubject
  // The name in a token of this service was held to this when the token was made, and cannot change.
  if (subject.transaction !== undefined || subject.issuer === OWN_ISSUER) return name
  if (!/^(?:spiffe|wimse):/i.test(name)) return name
  try {
    const { trustDomain, origin } = WorkloadId.parse(name)
    if (subject.issuer === trustDomain && subject.issuerUrl === origin) return name
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
  }
  throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'subject has a name that its issuer must not give')
}

/** Who acts is added to those who acted before; these stay, also where the rule hides the last one. */
function chainOf({ subject, client, actor }: ExchangeQuestion, { to }: ExchangeRule): Actor | undefined {
  const acting = actor ?? client
  try {
    const before = to.profile === TRANSACTION_TOKEN ? subject.actor : actorsOfTransaction(subject, to.maxActors)
    if (acting === undefined || to.acting === 'impersonation' || isSameParty(acting, subject)) return before
    return prependActor({ subject: acting.localSubject }, withoutTwin(before, acting), to.maxActors)
  } catch (cause) {
    if (errorCode(cause) !== 'ERR_CREDENTIAL_ACTOR') throw cause
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'chain of actors is too long', { cause })
  }
}

/**
 * Who acts now may be the one that another domain's server names as last actor: that comes with its grant by itself. It is one
 * actor, and stands there as it was authenticated here. Only the identifier of a workload means the same to both servers.
 */
function withoutTwin(before: Actor | undefined, acting: ExchangedSubject): Actor | undefined {
  const isWorkload = acting.issuerUrl === `spiffe://${acting.issuer}`
  return isWorkload && before?.issuer !== undefined && before.subject === acting.subject ? before.previous : before
}

function pickClaims({ subject }: ExchangeQuestion, names: readonly string[]) {
  const claims: Record<string, string | readonly string[]> = {}
  for (const name of names) {
    const value = Object.hasOwn(subject.claims, name) ? subject.claims[name] : undefined
    if (value !== undefined) claims[name] = value
  }
  return claims
}
