import { ExchangeError } from '../exchange-error.ts'
import type { ExchangeRule } from './rule-schema.ts'

/**
 * Refuses a rule that another one before it always answers for: what it says, a shorter lifetime or a binding perhaps, would
 * count for nobody. Found where both mean the same parties in the same words, which is how one is copied and changed.
 *
 * @throws ExchangeError `ERR_EXCHANGE_RULES`
 */
export function rejectShadowedRules(rules: readonly ExchangeRule[]): void {
  const before = new Map<string, ExchangeRule[]>()
  for (const rule of rules) {
    const { grant, subject, client = 'subject', actor = 'none', to } = rule
    const parties = JSON.stringify([grant, subject, client, actor, to.profile])
    const earlier = before.get(parties) ?? []
    const shadow = earlier.find((each) => answersFor(each.to, to))
    if (shadow !== undefined) {
      throw new ExchangeError(
        'ERR_EXCHANGE_RULES',
        `rule "${rule.name}": never counts, since "${shadow.name}" before it fits whenever it does: put it first, or leave it out`,
      )
    }
    before.set(parties, [...earlier, rule])
  }
}

function answersFor(first: ExchangeRule['to'], second: ExchangeRule['to']): boolean {
  // Without an audience in the request a rule must leave no choice of one.
  if (first.audience.length > 1 && second.audience.length === 1) return false
  return (
    includes(first.audience, second.audience) &&
    includes(first.scopes, second.scopes) &&
    includes(first.details, second.details) &&
    includes(first.context, second.context)
  )
}

function includes(all: readonly string[] = [], some: readonly string[] = []): boolean {
  return some.every((each) => all.includes(each))
}
