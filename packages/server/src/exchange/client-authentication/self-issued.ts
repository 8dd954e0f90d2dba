import { decodeUnverifiedJws, errorCode } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
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

function isAboutItself(assertion: string): boolean {
  try {
    const { iss, sub } = decodeUnverifiedJws(assertion, undefined, nodeCrypto.codec).payload
    return iss !== undefined && iss === sub
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
