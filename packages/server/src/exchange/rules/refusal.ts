import type { OAuthErrorCode } from '@countersign/protocol/exchange'
import type { ExchangeQuestion, RuleFinding } from './decision.ts'

const TARGET_PATHS = ['to.audience', 'to.scopes', 'to.details', 'to.context']

/** How far a rule is from holding: fewer is nearer. A rule for other parties is further away than any for another target. */
export function distance(failed: readonly string[]): number {
  return failed.reduce((sum, path) => sum + (TARGET_PATHS.includes(path) ? 1 : 10), 0)
}

/** Whether a rule is for these parties and this audience, whatever else of the target it says no to. */
export function isForAudience(failed: readonly string[]): boolean {
  return failed.every((path) => path !== 'to.audience' && TARGET_PATHS.includes(path))
}

interface Refusal {
  readonly code: OAuthErrorCode
  readonly message: string
}

/**
 * What OAuth calls it that no rule holds. Each standard has a name for a token that is not acceptable; who may not ask at all
 * learns no more than that.
 *
 * @param nearest the rule that came nearest, by {@link distance}
 * @see RFC 6749 section 5.2; RFC 7523 section 3.1 (invalid_grant); RFC 8693 section 2.2.2 (invalid_request, invalid_target)
 */
export function refusalOf(grant: ExchangeQuestion['grant'], nearest: RuleFinding | undefined): Refusal {
  const failed = nearest?.failed ?? ['grant']
  // The client of a grant is another question.
  if (grant === 'jwt-bearer' && failed.some((path) => path.startsWith('subject.'))) {
    return { code: 'ERR_OAUTH_INVALID_GRANT', message: 'no rule knows the subject of the grant' }
  }
  const parties = failed.filter((path) => !TARGET_PATHS.includes(path))
  if (parties.length > 0) {
    if (grant === 'token-exchange' && parties.every(isOfToken)) {
      return { code: 'ERR_OAUTH_INVALID_REQUEST', message: unacceptable(parties) }
    }
    return { code: 'ERR_OAUTH_UNAUTHORIZED_CLIENT', message: 'no rule allows this' }
  }
  if (failed.includes('to.audience')) {
    return { code: 'ERR_OAUTH_INVALID_TARGET', message: 'no rule allows a token for this audience' }
  }
  if (!failed.includes('to.scopes')) {
    return { code: 'ERR_OAUTH_INVALID_REQUEST', message: 'no rule lets these details of a transaction through' }
  }
  return { code: 'ERR_OAUTH_INVALID_SCOPE', message: 'scope goes beyond what rule and subject token allow' }
}

/** Whether it is said of a token that was brought, and of nobody who asks. */
function isOfToken(path: string): boolean {
  return path.startsWith('subject.') || path === 'actor' || path.startsWith('actor.') || path === 'may_act'
}

/** What the holder of a token can see in it anyway is said; whom rules mean is not. */
function unacceptable(failed: readonly string[]): string {
  const [only, second] = failed
  const [role] = only?.split('.') ?? []
  if (second === undefined) {
    if (only?.endsWith('.audience')) return `${role} token is meant for another audience`
    if (only?.endsWith('.proof')) return `request does not prove the key that the ${role} token is bound to`
    if (only === 'may_act') return 'subject token lets others act, and not who asks'
  }
  return 'no rule takes these tokens from this client'
}
