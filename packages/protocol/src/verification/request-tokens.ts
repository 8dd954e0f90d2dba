import { accessTokenOf } from '../http/bearer-token.ts'
import { RequestError } from '../http/request-error.ts'
import { MAX_TOKEN_BYTES } from '../jws/compact-jws.ts'
import { CredentialError } from './credential-error.ts'

/**
 * The one WIT of a message.
 *
 * @throws CredentialError `ERR_CREDENTIAL_MISSING`, `ERR_CREDENTIAL_MULTIPLE`, `ERR_CREDENTIAL_TOO_LARGE`
 */
export function requireWit(values: readonly string[] = [], message = 'request'): string {
  const [token, second] = values
  if (token === undefined)
    throw new CredentialError('ERR_CREDENTIAL_MISSING', `${message} has no workload identity token`)
  if (second !== undefined || token.includes(',')) {
    throw new CredentialError('ERR_CREDENTIAL_MULTIPLE', `${message} has more than one workload identity token`)
  }
  if (token.length > MAX_TOKEN_BYTES) {
    throw new CredentialError('ERR_CREDENTIAL_TOO_LARGE', `credential is longer than ${MAX_TOKEN_BYTES} bytes`)
  }
  return token
}

/** @throws RequestError `ERR_REQUEST_AUTHORIZATION` when the field came more than once or holds no well-formed token */
export function optionalAccessToken(values: readonly string[] = []): string | undefined {
  const [authorization, second] = values
  if (second !== undefined)
    throw new RequestError('ERR_REQUEST_AUTHORIZATION', 'field "authorization" came more than once')
  return authorization === undefined ? undefined : accessTokenOf(authorization)
}

/** @throws RequestError `ERR_REQUEST_TXN_TOKEN` when the field came more than once */
export function optionalTxnToken(values: readonly string[] = []): string | undefined {
  const [token, second] = values
  if (second !== undefined || token?.includes(',') === true) {
    throw new RequestError('ERR_REQUEST_TXN_TOKEN', 'field "txn-token" came more than once')
  }
  return token
}
