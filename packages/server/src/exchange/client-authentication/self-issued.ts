import { MAX_TOKEN_BYTES } from '@countersign/protocol'
import type { TokenRequest } from '../token-request.ts'

/** Several methods ask about one request. */
const known = new WeakMap<TokenRequest, boolean>()

/**
 * Whether the assertion of a request says of its own issuer who that is. Which profile it is held to hangs on it, and nothing
 * else.
 */
export function isSelfIssued(request: TokenRequest): boolean {
  const before = known.get(request)
  if (before !== undefined) return before
  const answer = isAboutItself(request.parameters.get('client_assertion') ?? '')
  known.set(request, answer)
  return answer
}

/** Read loosely: whichever profile it is, it reads the assertion strictly and refuses what could be read in two ways. */
function isAboutItself(assertion: string): boolean {
  if (assertion.length > MAX_TOKEN_BYTES) return false
  const [, claims = ''] = assertion.split('.', 2)
  try {
    const { iss, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) ?? {}
    return iss !== undefined && iss === sub
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
