import type { TokenRole } from '@countersign/plugin-kit'
import { isOwnClaim } from '@countersign/protocol/exchange'
import type { ExchangeRule, PartyMatcher } from './rule-schema.ts'
import type { RuleVocabulary } from './rule-vocabulary.ts'
import { svidPartyProblem, svidProblem } from './svid-rule.ts'
import { TRANSACTION_TOKEN, transactionProblem } from './transaction-rule.ts'

/**
 * What keeps a rule from ever ending in a token, whoever asks. A rule that never holds is a rule that somebody relies on in
 * vain, so it is refused when it is read and not when it is needed.
 *
 * @param rule its profiles and issuers exist
 * @returns with the member, and what to write; `undefined` for a rule that can be meant
 */
export function ruleProblem(rule: ExchangeRule, vocabulary: RuleVocabulary): string | undefined {
  return (
    grantProblem(rule) ??
    partiesProblem(rule, vocabulary) ??
    transactionProblem(rule, vocabulary.trustDomain) ??
    svidProblem(rule, vocabulary.trustDomain) ??
    targetProblem(rule, vocabulary) ??
    bindingProblem(rule, vocabulary)
  )
}

function grantProblem({ grant, client, actor, to }: ExchangeRule): string | undefined {
  if (grant === 'client_credentials' && client !== undefined && client !== 'subject') {
    return 'client: of client_credentials it is always the subject'
  }
  if (grant !== 'token-exchange' && actor !== undefined) return 'actor: only token-exchange has one'
  if (grant === 'token-exchange' && client === 'none') return 'client: token-exchange needs one'
  if (grant !== 'token-exchange' && to.profile !== 'access-token') return `to: ${grant} ends in an access-token only`
  return undefined
}

const SUBJECT_ROLE = {
  client_credentials: 'client',
  'jwt-bearer': 'grant',
  'token-exchange': 'subject',
} as const

function partiesProblem(
  { grant, subject, client = 'subject', actor = 'none' }: ExchangeRule,
  vocabulary: RuleVocabulary,
): string | undefined {
  return (
    partyProblem('subject', subject, SUBJECT_ROLE[grant], vocabulary) ??
    (typeof client === 'string' ? undefined : partyProblem('client', client, 'client', vocabulary)) ??
    (client === 'subject' ? selfProblem(subject, vocabulary) : undefined) ??
    (typeof actor === 'string' ? undefined : partyProblem('actor', actor, 'actor', vocabulary))
  )
}

const ROLE_WORDS: Readonly<Record<TokenRole, string>> = {
  client: 'authenticates a client',
  subject: 'is taken as subject_token',
  actor: 'is taken as actor_token',
  grant: 'is taken as authorization grant',
}

/** @returns as {@link ruleProblem}, of one party; `undefined` for one that there can be */
export function partyProblem(
  member: string,
  party: PartyMatcher,
  role: TokenRole,
  { inProfiles, vouches }: RuleVocabulary,
): string | undefined {
  const { profile, issuer } = party
  if (inProfiles.get(profile)?.roles.includes(role) !== true) return `${member}: no "${profile}" ${ROLE_WORDS[role]}`
  if (!vouches(issuer, profile)) {
    return `${member}: "${issuer}" vouches for nobody by "${profile}": name another issuer, or the profile in its "profiles"`
  }
  const problem = svidPartyProblem(party)
  return problem === undefined ? undefined : `${member}: ${problem}`
}

/** Who is subject and client at once must be able to authenticate by its own issuer. */
function selfProblem({ issuer }: PartyMatcher, { inProfiles, vouches }: RuleVocabulary): string | undefined {
  const isClient = [...inProfiles].some(([name, { roles }]) => roles.includes('client') && vouches(issuer, name))
  return isClient ? undefined : `client: nobody authenticates by "${issuer}", so the subject cannot ask: name who may`
}

function targetProblem({ to }: ExchangeRule, { ownAudience }: RuleVocabulary): string | undefined {
  // Of a transaction token they become members of its context, where any name may stand.
  const taken = to.profile === TRANSACTION_TOKEN ? undefined : to.claims?.find(isOwnClaim)
  if (taken !== undefined) return `to.claims: "${taken}" has a meaning already`
  if (to.profile !== 'authorization-grant' || to.audience.some((audience) => audience !== ownAudience)) return undefined
  return 'to.audience: a grant is for another authorization server than this one'
}

/** A credential that cannot be bound is refused to whoever proves a key, unless the rule has said that it need not be. */
function bindingProblem(
  { subject, client, actor, to: { profile, binding } }: ExchangeRule,
  { inProfiles, outProfiles }: RuleVocabulary,
): string | undefined {
  const can = outProfiles.get(profile)?.binding
  if (can === 'always' && binding === 'none') {
    return `to.binding: a "${profile}" always has a key in it: leave "binding" out`
  }
  if (can !== 'never' || binding === 'none') return undefined
  if (binding === 'required') return `to.binding: a "${profile}" cannot be bound to a key: write "binding: none"`
  const parties = [subject, client, actor].filter((party) => typeof party === 'object')
  const bound = parties.find((party) => inProfiles.get(party.profile)?.isBound)
  if (bound === undefined) return undefined
  return (
    `to.binding: a "${profile}" cannot be bound to a key, and every request with a "${bound.profile}" proves one: ` +
    'write "binding: none"'
  )
}
