import type { PublicJwk } from '@countersign/protocol'
import { errorCode, IdentifierError, WorkloadId } from '@countersign/protocol'
import {
  type Actor,
  actorsOfTransaction,
  type Confirmation,
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
  const name = to.subject ?? requireNoForeignIdentifier(subject)
  if (to.profile === X509_SVID) requireOwnKey(confirmation, name, [subject, client, actor])
  return {
    subject: name,
    audience: shrinkAudience(question.audience, to.audience),
    scopes: shrinkScopes(question.scopes, to.scopes, subject.scopes),
    clientId: client === undefined ? surroundings.anonymousClient : requireNoForeignIdentifier(client),
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

const X509_SVID = 'x509-svid'

/** A certificate says whose a key is. By the key of one who has another name already, a handshake would prove either. */
function requireOwnKey(
  confirmation: Confirmation | undefined,
  name: string,
  parties: readonly (ExchangedSubject | undefined)[],
): void {
  const isOfAnother = parties.some(
    (party) =>
      party?.confirmation !== undefined &&
      party.confirmation.thumbprint === confirmation?.thumbprint &&
      party.localSubject !== name,
  )
  if (!isOfAnother) return
  throw new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', 'the key belongs to another identity: make a new one')
}

/** Names that this service makes itself, of what a workload says of somebody. */
const OWN_NAMES = /^urn:countersign:/i
const OWN_WORDS: ReadonlySet<string> = new Set(['self-signed', 'unsigned-json'])

/**
 * The name of a party that a rule does not rename. An issuer that is no trust domain could name its subject like a workload
 * of one, or like somebody whom a workload spoke for; whoever reads our token would take it for that.
 */
function requireNoForeignIdentifier(party: ExchangedSubject): string {
  const name = party.localSubject
  // The name in a token of this service was held to this when the token was made, and cannot change.
  if (party.transaction !== undefined || party.issuer === OWN_ISSUER) return name
  if (OWN_NAMES.test(name) ? OWN_WORDS.has(party.profile) : !/^(?:spiffe|wimse):/i.test(name)) return name
  try {
    const { trustDomain, origin } = WorkloadId.parse(name)
    if (party.issuer === trustDomain && party.issuerUrl === origin) return name
  } catch (error) {
    if (!(error instanceof IdentifierError)) throw error
  }
  throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'a party has a name that its issuer must not give')
}

/** Who acts is added to those who acted before; these stay, also where the rule hides the last one. */
function chainOf({ subject, client, actor }: ExchangeQuestion, { to }: ExchangeRule): Actor | undefined {
  const acting = actor ?? client
  try {
    const before = to.profile === TRANSACTION_TOKEN ? subject.actor : actorsOfTransaction(subject, to.maxActors)
    if (acting === undefined || to.acting === 'impersonation' || isSameParty(acting, subject)) return before
    return prependActor({ subject: requireNoForeignIdentifier(acting) }, withoutTwin(before, acting), to.maxActors)
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
