import { ConfigError, parseConfig } from '@countersign/plugin-kit'
import {
  type ExchangedSubject,
  isMeant,
  OAuthError,
  shrinkAudience,
  shrinkScopes,
} from '@countersign/protocol/exchange'
import { ExchangeError } from '../exchange-error.ts'
import { type CompiledRule, compileResourceServer, compileRule } from './compile-rule.ts'
import type { Decision, ExchangeQuestion, RuleFinding } from './decision.ts'
import type { PartyMatcher } from './party-matcher.ts'
import { distance, isForAudience, refusalOf } from './refusal.ts'
import { ExchangeRules } from './rule-schema.ts'
import type { RuleVocabulary } from './rule-vocabulary.ts'
import { rejectShadowedRules } from './shadowed-rules.ts'
import { transactionFailures } from './transaction-rule.ts'

/** What is asked for where no type is named, unless the rules leave no doubt that it is a grant. */
const DEFAULT_PROFILE = 'access-token'
const GRANT_PROFILE = 'authorization-grant'

/** A question in which the type is settled. */
type SettledQuestion = ExchangeQuestion & { readonly requested: string }

interface CompiledResourceServer {
  readonly client: PartyMatcher
  readonly audience: readonly string[]
}

/** The rules of one document. Asking has no effect, and the same question has the same answer. */
export class ExchangeRuleSet {
  readonly #rules: readonly CompiledRule[]
  readonly #resourceServers: readonly CompiledResourceServer[]
  /** By grant, requested profile and who vouches: of thousands of rules a question concerns a handful. */
  readonly #byKey = new Map<string, CompiledRule[]>()
  readonly #profiles: ReadonlySet<string>

  private constructor(rules: readonly CompiledRule[], resourceServers: readonly CompiledResourceServer[]) {
    this.#rules = rules
    this.#resourceServers = resourceServers
    this.#profiles = new Set(rules.map(({ rule }) => rule.to.profile))
    for (const each of rules) {
      const { grant, to, subject } = each.rule
      const key = keyOf(grant, to.profile, subject.profile, subject.issuer)
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), each])
    }
  }

  /**
   * @param document parsed YAML
   * @throws ExchangeError `ERR_EXCHANGE_RULES` naming the rule and what is wrong with it
   */
  static parse(document: unknown, vocabulary: RuleVocabulary): ExchangeRuleSet {
    const { rules, resourceServers } = readDocument(document)
    const names = new Set<string>()
    const compiled = rules.map((rule) => {
      if (names.has(rule.name)) throw new ExchangeError('ERR_EXCHANGE_RULES', `two rules are named "${rule.name}"`)
      names.add(rule.name)
      return compileRule(rule, vocabulary)
    })
    rejectShadowedRules(rules)
    return new ExchangeRuleSet(
      compiled,
      resourceServers.map(({ client, audience }) => ({ client: compileResourceServer(client, vocabulary), audience })),
    )
  }

  get size(): number {
    return this.#rules.length
  }

  /** The first rule that holds decides. */
  decide(asked: ExchangeQuestion): Decision {
    const question = this.#settle(asked)
    let nearest: RuleFinding | undefined
    for (const candidate of this.#candidates(question)) {
      const failed = failuresOf(candidate, question)
      if (failed.length === 0) return { allowed: true, rule: candidate.rule }
      if (nearest === undefined || distance(failed) < distance(nearest.failed)) {
        nearest = { rule: candidate.rule.name, failed }
      }
    }
    return { allowed: false, ...refusalOf(question.grant, nearest), nearest }
  }

  /**
   * Profile of the token that is asked for. Where no type is named, an access token is; a grant only where an audience is
   * named and every rule that takes subject, client and actor to it ends in one, as the draft's own requests are meant. Scopes
   * do not matter: to leave a type out and ask for other scopes must not turn one type into another.
   *
   * @see RFC 8693 section 2.1 (`requested_token_type`); draft-ietf-oauth-identity-chaining, "Token Exchange"
   */
  requestedOf(question: ExchangeQuestion): string {
    const { requested, audience } = question
    if (requested !== undefined) return requested
    if (audience.length === 0) return DEFAULT_PROFILE
    const isMeant = (profile: string) => {
      const settled = { ...question, requested: profile }
      return this.#candidates(settled).some((rule) => isForAudience(failuresOf(rule, settled)))
    }
    if (!isMeant(GRANT_PROFILE)) return DEFAULT_PROFILE
    const isOther = (profile: string) => profile !== GRANT_PROFILE && isMeant(profile)
    return [...this.#profiles].some(isOther) ? DEFAULT_PROFILE : GRANT_PROFILE
  }

  #settle(question: ExchangeQuestion): SettledQuestion {
    return { ...question, requested: this.requestedOf(question) }
  }

  #candidates({ grant, requested, subject }: SettledQuestion): readonly CompiledRule[] {
    return this.#byKey.get(keyOf(grant, requested, subject.profile, subject.issuer)) ?? []
  }

  /** Audiences whose tokens are a resource server's own. */
  audiencesOf(client: ExchangedSubject): ReadonlySet<string> {
    const own = this.#resourceServers.filter(
      (server) => server.client.failuresOf(client, { isProven: true, isAddressed: true }).length === 0,
    )
    return new Set(own.flatMap(({ audience }) => audience))
  }

  /** What every rule says, in the order of the document: for an operator. */
  explain(asked: ExchangeQuestion): readonly RuleFinding[] {
    const question = this.#settle(asked)
    return this.#rules.map((each) => ({ rule: each.rule.name, failed: failuresOf(each, question) }))
  }
}

function readDocument(document: unknown): ExchangeRules {
  try {
    return parseConfig(ExchangeRules, document)
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    const detail = cause.detail === undefined ? {} : { detail: cause.detail }
    throw new ExchangeError('ERR_EXCHANGE_RULES', `exchange rules: ${cause.message}`, { cause, ...detail })
  }
}

/** Paths in the rule that do not hold. */
function failuresOf({ rule, subject, client, actor }: CompiledRule, question: SettledQuestion): readonly string[] {
  const failed: string[] = []
  const under = (member: string, failures: readonly string[]) => {
    for (const failure of failures) failed.push(`${member}.${failure}`)
  }
  const isAddressed = question.grant !== 'token-exchange'
  if (rule.grant !== question.grant) failed.push('grant')
  under('subject', subject.failuresOf(question.subject, { isProven: question.isSubjectProven, isAddressed }))
  if (!isClientMeant(client, question, (failures) => under('client', failures))) failed.push('client')
  if (actor === 'none') {
    if (question.actor !== undefined) failed.push('actor')
  } else if (question.actor === undefined) failed.push('actor')
  else under('actor', actor.failuresOf(question.actor, { isProven: question.isActorProven, isAddressed }))
  if (!mayAct(question)) failed.push('may_act')
  if (rule.to.profile !== question.requested) failed.push('to.profile')
  if (!holds(() => shrinkAudience(question.audience, rule.to.audience))) failed.push('to.audience')
  if (!holds(() => shrinkScopes(question.scopes, rule.to.scopes, question.subject.scopes))) failed.push('to.scopes')
  failed.push(...transactionFailures(rule.to, question.transactionRequest))
  return failed
}

function isClientMeant(
  client: CompiledRule['client'],
  question: ExchangeQuestion,
  report: (failures: readonly string[]) => void,
): boolean {
  if (client === 'none') return question.client === undefined
  if (question.client === undefined) return false
  if (client === 'subject') return isSameParty(question.client, question.subject)
  // All of that was seen to when the client authenticated.
  report(client.failuresOf(question.client, { isProven: true, isAddressed: true }))
  return true
}

/** Whether two tokens are about one party: the same name, given by the same issuer. */
export function isSameParty(a: ExchangedSubject, b: ExchangedSubject): boolean {
  return a.issuer === b.issuer && a.subject === b.subject
}

/** The subject's own word on who may act for it. RFC 8693 section 4.4 */
function mayAct({ subject, actor, client }: ExchangeQuestion): boolean {
  if (subject.mayAct === undefined) return true
  const acting = actor ?? client
  if (acting === undefined) return false
  const { issuerUrl: issuer, clientId } = acting
  // A name without issuer is one of the token's own issuer. Another's may be the same and mean somebody else.
  const isByItself = subject.mayAct.issuer === undefined && acting.issuer !== subject.issuer
  const name = isByItself ? acting.localSubject : acting.subject
  return isMeant(subject.mayAct, { subject: name, issuer, clientId: clientId ?? client?.localSubject })
}

function holds(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch (error) {
    if (error instanceof OAuthError) return false
    throw error
  }
}

function keyOf(grant: string, requested: string, profile: string, issuer: string): string {
  return JSON.stringify([grant, requested, profile, issuer])
}
