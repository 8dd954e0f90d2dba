import { OAuthError } from '@countersign/protocol/exchange'
import type { TokenRequest } from './token-request.ts'

/** @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when it did not come */
export function requireParameter({ parameters }: TokenRequest, name: string): string {
  const value = parameters.get(name)
  if (value === undefined) throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', `parameter '${name}' is missing`)
  return value
}

/** RFC 6749 section 3.3: single spaces between values of printable ASCII. */
const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/
const MAX_SCOPES = 64

/**
 * @returns `undefined` when the request names none
 * @throws OAuthError `ERR_OAUTH_INVALID_SCOPE`
 */
export function readScopes({ parameters }: TokenRequest): readonly string[] | undefined {
  const scope = parameters.get('scope')
  if (scope === undefined) return undefined
  const scopes = SCOPES.test(scope) ? scope.split(' ') : []
  if (scopes.length === 0 || scopes.length > MAX_SCOPES) {
    throw new OAuthError('ERR_OAUTH_INVALID_SCOPE', 'scope is not a list of scopes')
  }
  return scopes
}

const MAX_TARGETS = 16
const MAX_TARGET_LENGTH = 2048

/**
 * Values of `audience` and `resource` together: rules do not tell by which of them a service is named.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_TARGET` for a resource that is no absolute URI, or has a fragment
 * @see RFC 8693 section 2.1; RFC 8707 section 2
 */
export function readTargets({ parameters }: TokenRequest): readonly string[] {
  const resources = parameters.getAll('resource')
  for (const resource of resources) {
    if (!/^[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+$/.test(resource)) {
      throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'resource must be an absolute URI without fragment')
    }
  }
  const targets = [...new Set([...parameters.getAll('audience'), ...resources])]
  if (targets.length > MAX_TARGETS || targets.some((target) => target.length > MAX_TARGET_LENGTH)) {
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'too many audiences, or one that is too long')
  }
  return targets
}
