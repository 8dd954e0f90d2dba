/** What one token becomes may never say more, live longer or reach further than what it came from. */
import type { Confirmation } from './confirmation.ts'
import { OAuthError } from './oauth-error.ts'

/**
 * The scopes that a new token gets: those asked for, each of which rule and subject allow.
 *
 * @param requested `undefined` when the request names none: then all that rule and subject allow
 * @param allowed by the rule
 * @param held by the subject token; `undefined` when tokens of its type have none, and the rule alone decides
 * @throws OAuthError `ERR_OAUTH_INVALID_SCOPE` for a scope that one of them does not allow: it is never left out in silence
 * @see RFC 6749 section 3.3, RFC 8693 section 2.1
 */
export function shrinkScopes(
  requested: readonly string[] | undefined,
  allowed: readonly string[],
  held: readonly string[] | undefined,
): readonly string[] {
  if (requested === undefined) return held === undefined ? allowed : allowed.filter((scope) => held.includes(scope))
  for (const scope of requested) {
    if (!allowed.includes(scope)) throw beyond(scope, 'rule')
    if (held !== undefined && !held.includes(scope)) throw beyond(scope, 'subject token')
  }
  return [...new Set(requested)]
}

function beyond(scope: string, what: string): OAuthError {
  return new OAuthError('ERR_OAUTH_INVALID_SCOPE', `scope goes beyond what the ${what} allows`, {
    detail: `scope ${scope.slice(0, 64)}`,
  })
}

/**
 * The audience that a new token gets.
 *
 * @param requested values of `audience` and `resource`; empty when the request names none
 * @throws OAuthError `ERR_OAUTH_INVALID_TARGET` when one is not allowed, or none is named and the rule leaves a choice
 * @see RFC 8693 section 2.2.2, RFC 8707 section 2
 */
export function shrinkAudience(requested: readonly string[], allowed: readonly string[]): readonly string[] {
  if (requested.length === 0) {
    if (allowed.length === 1) return allowed
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'request must say for which audience the token is')
  }
  for (const audience of requested) {
    if (!allowed.includes(audience)) {
      throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'audience is not one that the rule allows', {
        detail: `audience ${audience.slice(0, 200)}`,
      })
    }
  }
  return [...new Set(requested)]
}

/**
 * The end of a new token: the earliest of all limits. So no chain of exchanges lives longer than what it began with.
 *
 * @param limits ends, in seconds since the epoch, of everything the token comes from and of the key that signs it
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when that is not after now
 */
export function shrinkLifetime(now: number, ttlSeconds: number, limits: readonly number[]): number {
  const end = Math.floor(Math.min(now + ttlSeconds, ...limits))
  // Written so that a limit that is no number is refused.
  if (!(end > now)) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'no time is left of what the token would come from')
  }
  return end
}

/** What a new token is bound to, before the rule is asked whether a bearer token would do. */
export interface BindingQuestion {
  /** The binding of the subject token. */
  readonly held: Confirmation | undefined
  /** The key that the request proves and asks the new token to be bound to: of a DPoP proof, or a certificate. */
  readonly proven: Confirmation | undefined
  /**
   * The rule's own word. `required`: never a bearer token. `as-presented`: bound when there is a proven key. `none`: a bearer
   * token in any case, for what cannot be bound; somebody has to have written that down.
   */
  readonly rule: 'required' | 'as-presented' | 'none'
}

/**
 * The binding that a new token gets. A subject that is bound to a key becomes no bearer token unless the rule says so:
 * whoever came by it could use it without the key.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_DPOP_PROOF` when a key must be proven and none is
 */
export function shrinkBinding({ held, proven, rule }: BindingQuestion): Confirmation | undefined {
  if (rule === 'none') return undefined
  if (proven !== undefined) return proven
  if (held !== undefined || rule === 'required') {
    throw new OAuthError(
      'ERR_OAUTH_INVALID_DPOP_PROOF',
      'request must prove the key that the token is to be bound to, by a DPoP proof or a client certificate',
    )
  }
  return undefined
}
