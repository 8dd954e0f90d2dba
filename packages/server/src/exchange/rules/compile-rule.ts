import { ExchangeError } from '../exchange-error.ts'
import { PartyMatcher } from './party-matcher.ts'
import { partyProblem, ruleProblem } from './rule-problem.ts'
import type { ExchangeRule } from './rule-schema.ts'
import type { RuleVocabulary } from './rule-vocabulary.ts'

/** A rule that can hold, ready to be asked. */
export interface CompiledRule {
  readonly rule: ExchangeRule
  readonly subject: PartyMatcher
  readonly client: PartyMatcher | 'subject' | 'none'
  readonly actor: PartyMatcher | 'none'
}

/** @throws ExchangeError `ERR_EXCHANGE_RULES` naming the rule and what is wrong with it */
export function compileRule(rule: ExchangeRule, vocabulary: RuleVocabulary): CompiledRule {
  const refuse = (reason: string, cause?: unknown) => refused(`rule "${rule.name}"`, reason, cause)
  const parse = (member: string, party: ExchangeRule['subject']) =>
    compileParty(party, vocabulary, (reason, cause) => refuse(`${member}: ${reason}`, cause))
  const { client = 'subject', actor = 'none' } = rule
  if (!vocabulary.outProfiles.has(rule.to.profile)) throw refuse(`to: no profile gives "${rule.to.profile}"`)
  const compiled = {
    rule,
    subject: parse('subject', rule.subject),
    client: typeof client === 'string' ? client : parse('client', client),
    actor: typeof actor === 'string' ? actor : parse('actor', actor),
  }
  const problem = ruleProblem(rule, vocabulary)
  if (problem !== undefined) throw refuse(problem)
  return compiled
}

/** @throws ExchangeError `ERR_EXCHANGE_RULES` */
export function compileResourceServer(client: ExchangeRule['subject'], vocabulary: RuleVocabulary): PartyMatcher {
  const refuse = (reason: string, cause?: unknown) => refused('resourceServers', reason, cause)
  const compiled = compileParty(client, vocabulary, refuse)
  const problem = partyProblem('client', client, 'client', vocabulary)
  if (problem !== undefined) throw refuse(problem)
  return compiled
}

function refused(where: string, reason: string, cause?: unknown): ExchangeError {
  return new ExchangeError('ERR_EXCHANGE_RULES', `${where}: ${reason}`, cause === undefined ? {} : { cause })
}

function compileParty(
  party: ExchangeRule['subject'],
  vocabulary: RuleVocabulary,
  refuse: (reason: string, cause?: unknown) => ExchangeError,
): PartyMatcher {
  if (!vocabulary.inProfiles.has(party.profile)) throw refuse(`no profile takes "${party.profile}"`)
  if (!vocabulary.isIssuer(party.issuer)) throw refuse(`no issuer is named "${party.issuer}"`)
  try {
    return new PartyMatcher(party, vocabulary.ownAudience)
  } catch (error) {
    if (error instanceof ExchangeError) throw refuse(error.message, error)
    throw error
  }
}
