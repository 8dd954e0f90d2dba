import { OAuthError, type OAuthErrorCode } from '@countersign/protocol/exchange'
import type { TokenRequest } from './token-request.ts'

/**
 * The value of a field that may come once.
 *
 * @param name lower-case
 * @param code for when it came more than once: which of them a later reader takes is anyone's guess
 */
export function singleField({ rawHeaders }: TokenRequest, name: string, code: OAuthErrorCode): string | undefined {
  let found: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== name) continue
    if (found !== undefined) throw new OAuthError(code, `field '${name}' came more than once`)
    found = rawHeaders[index + 1]
  }
  return found
}

export const WIT_FIELD = 'workload-identity-token'
