import { decodeUnverifiedJws, errorCode } from '@countersign/protocol'

/** Whether an assertion says of its own issuer who that is. Which profile it is held to hangs on it, and nothing else. */
export function isSelfIssued(assertion: string): boolean {
  try {
    const { iss, sub } = decodeUnverifiedJws(assertion).payload
    return iss !== undefined && iss === sub
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
