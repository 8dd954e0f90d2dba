import { PolicyError, SIGNATURE_ALGORITHMS } from '@countersign/protocol'
import { errorDescription } from '@countersign/protocol/exchange'
import { AccessTokenError } from './access-token-error.ts'
import type { AccessVerifier } from './access-verifier.ts'

/**
 * What a refused client is told to bring, name and value in turn: a challenge for each scheme that counts, with what was wrong
 * in that of the scheme it used; and a nonce, where proofs need one.
 *
 * @param resourceMetadata URL of the service's own metadata, where they are served. RFC 9728 section 5.1
 * @returns nothing for an error that another token would not mend
 * @see RFC 6750 section 3, RFC 9449 sections 7.1 and 9
 */
export function challengeOf(
  error: unknown,
  verifier: AccessVerifier,
  now: number,
  resourceMetadata?: string,
): readonly string[] {
  const told = toldOf(error, verifier)
  if (told === undefined) return []
  const { acceptBearer } = verifier.settings
  const common = resourceMetadata === undefined ? [] : [parameter('resource_metadata', resourceMetadata)]
  const { scheme, parameters } = told
  const algorithms = parameter('algs', SIGNATURE_ALGORITHMS.join(' '))
  const dpop = [...(scheme === 'Bearer' ? [] : parameters), algorithms, ...common]
  const bearer = [...(scheme === 'DPoP' ? [] : parameters), ...common]
  const challenges = [`DPoP ${dpop.join(', ')}`]
  // Whoever came with a bearer token looks for this one.
  if (acceptBearer || scheme === 'Bearer') challenges.push(['Bearer', bearer.join(', ')].filter(Boolean).join(' '))
  const nonce = verifier.nonceAt(now)
  return ['www-authenticate', challenges.join(', '), ...(nonce === undefined ? [] : ['dpop-nonce', nonce])]
}

interface Told {
  /** Whose challenge says it; `undefined` for each. */
  readonly scheme: 'Bearer' | 'DPoP' | undefined
  readonly parameters: readonly string[]
}

function toldOf(error: unknown, { settings }: AccessVerifier): Told | undefined {
  const scope = settings.scopes.length === 0 ? [] : [parameter('scope', settings.scopes.join(' '))]
  if (error instanceof AccessTokenError) {
    // RFC 6750 section 3.1: who brought nothing is told nothing of errors.
    if (error.error === undefined) return { scheme: undefined, parameters: scope }
    return { scheme: error.scheme, parameters: [...problem(error.error, error.message), ...scope] }
  }
  if (!(error instanceof PolicyError) || error.code !== 'ERR_POLICY_SCOPE') return undefined
  return { scheme: undefined, parameters: [...problem('insufficient_scope', error.message), ...scope] }
}

function problem(error: string, message: string): readonly string[] {
  return [parameter('error', error), parameter('error_description', message)]
}

/** A quoted string of characters that need no escape. */
function parameter(name: string, value: string): string {
  return `${name}="${errorDescription(value)}"`
}
