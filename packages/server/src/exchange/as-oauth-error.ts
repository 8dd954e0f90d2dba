import { AuthenticityError, errorCode, WorkloadIdentityError } from '@countersign/protocol'
import { OAuthError, type OAuthErrorCode } from '@countersign/protocol/exchange'

/** What cannot be told now is not the client's fault. */
const AWAY = new Set([
  'ERR_CREDENTIAL_REPLAY_MEMORY_FULL',
  'ERR_CREDENTIAL_REPLAY_MEMORY_AWAY',
  'ERR_PROOF_REPLAY_MEMORY_FULL',
  'ERR_PROOF_REPLAY_MEMORY_AWAY',
  'ERR_SIGNATURE_REPLAY_MEMORY_FULL',
  'ERR_SIGNATURE_REPLAY_MEMORY_AWAY',
  'ERR_AUTHORITY_NONE_ACTIVE',
  'ERR_STORE_UNWRITABLE',
])

/**
 * Says in OAuth's words that something was not believed. What it was goes along as the cause; its message is safe to show,
 * and spares whoever sets up a client a look into the log.
 *
 * @param code what the standard of the step has for it
 */
export function asOAuthError(error: unknown, code: OAuthErrorCode): unknown {
  if (error instanceof OAuthError) return error
  if (!(error instanceof WorkloadIdentityError)) return error
  const away = asAway(error)
  if (away !== undefined) return away
  if (!(error instanceof AuthenticityError)) return error
  const detail = error.detail === undefined ? error.code : `${error.code}: ${error.detail}`
  return new OAuthError(code, error.message, { cause: error, detail })
}

/** @returns `undefined` for an error that says something else than that it cannot be told, or done, now */
export function asAway(error: unknown): OAuthError | undefined {
  if (!(error instanceof WorkloadIdentityError) || !AWAY.has(error.code)) return undefined
  return new OAuthError('ERR_OAUTH_TEMPORARILY_UNAVAILABLE', 'try again later', { cause: error })
}

/** The code that goes to the audit: of what was wrong, where that is known. */
export function reasonOf(error: OAuthError): string {
  return errorCode(error.cause) ?? error.code
}
