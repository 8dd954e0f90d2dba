/** The one table from error codes to HTTP answers, and the answers: RFC 9457 problem documents. */
import type { Problem } from '@countersign/api'
import { WorkloadIdentityError } from '@countersign/protocol'
import { HttpError } from './http-error.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** Exact codes first, then the longest area. A code that is nowhere here is this server's own fault: 500. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_HTTP_NOT_FOUND: 404,
  ERR_HTTP_METHOD: 405,
  ERR_HTTP_TOO_LARGE: 413,
  ERR_HTTP_MEDIA_TYPE: 415,
  ERR_HTTP_BUSY: 503,
  ERR_HTTP_INTERNAL: 500,
  ERR_ENTRY_EXISTS: 409,
  ERR_ENTRY_NOT_FOUND: 404,
  ERR_ENTRY_CHANGED: 409,
  ERR_NODE_NOT_FOUND: 404,
  ERR_NODE_ATTESTOR: 400,
  ERR_FEDERATION_EXISTS: 409,
  ERR_FEDERATION_NOT_FOUND: 404,
  ERR_ATTESTATION_EVIDENCE_MALFORMED: 400,
  ERR_ATTESTATION_TOO_LARGE: 413,
  ERR_STORE_UNWRITABLE: 503,
  ERR_STORE_CORRUPT: 503,
  ERR_KEY_MANAGER_UNWRITABLE: 503,
  ERR_HOLD_RESTORED: 503,
  ERR_HOLD_CLOCK: 503,
  ERR_HOLD_NONE: 409,
  ERR_AUTHORITY_NONE_ACTIVE: 503,
  ERR_AUTHORITY_NOT_FOUND: 404,
  ERR_EXCHANGE_OFF: 404,
  ERR_ADMIN_NO_CREDENTIAL: 401,
  ERR_ADMIN_TOKEN: 401,
  ERR_ADMIN_TOKEN_KEYS: 503,
  ERR_ROLE_NOT_FOUND: 404,
  ERR_ROLE_EXISTS: 409,
  ERR_LOG_COMPONENT: 404,
  ERR_AUTHORITY_OTHER_KEY: 400,
  ERR_AUTHORITY_NO_ROOT: 400,
  ERR_DOWNSTREAM_REQUEST: 400,
  ERR_DOWNSTREAM_KEYS: 400,
  ERR_DOWNSTREAM_KEY_TAKEN: 409,
  ERR_DOWNSTREAM_PATH_LENGTH: 409,
}

const STATUS_BY_AREA: Readonly<Record<string, number>> = {
  HTTP: 400,
  ENTRY: 400,
  NODE: 403,
  FEDERATION: 400,
  BUNDLE: 400,
  ATTESTATION: 403,
  ENTITLEMENT: 403,
  DOWNSTREAM: 403,
  POLICY: 403,
  OIDC: 404,
  ISSUANCE: 400,
  AUTHORITY: 409,
  UPSTREAM: 503,
  ADMIN: 403,
  ROLE: 400,
  RATE: 429,
  IDENTIFIER: 400,
  KEY: 400,
  CERTIFICATE: 400,
  ENCODING: 400,
}

export function statusOf(code: string): number {
  return STATUS_BY_CODE[code] ?? STATUS_BY_AREA[code.split('_')[1] ?? ''] ?? 500
}

/** The answer to a request that ended in this error. Of an unknown error, or one that is our fault, it tells nothing. */
export function toProblem(error: unknown): Problem {
  const known = error instanceof WorkloadIdentityError ? error : asHttpError(error)
  const status = statusOf(known.code)
  if (status === 500) {
    return { type: 'about:blank', title: 'internal error', status, code: 'ERR_HTTP_INTERNAL' }
  }
  return { type: `urn:countersign:error:${known.code}`, title: known.message, status, code: known.code }
}

/** What Fastify says about a request it refused. Its own messages can quote the request, so none is passed on. */
function asHttpError(error: unknown): HttpError {
  const { code, statusCode, validation } = (error ?? {}) as {
    readonly code?: unknown
    readonly statusCode?: unknown
    readonly validation?: readonly ValidationFailure[]
  }
  if (validation !== undefined) return new HttpError('ERR_HTTP_INVALID', describeValidation(validation[0]))
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new HttpError('ERR_HTTP_TOO_LARGE', 'body is too large')
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new HttpError('ERR_HTTP_MEDIA_TYPE', 'body must be JSON')
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new HttpError('ERR_HTTP_REQUEST', 'request cannot be read', { cause: error })
  }
  return new HttpError('ERR_HTTP_INTERNAL', 'internal error', { cause: error })
}

interface ValidationFailure {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
}

/** A member name that an honest client may have sent: anything longer could be a secret in the wrong place. */
const PLAIN_NAME = /^[A-Za-z][A-Za-z0-9_]{0,31}$/
const PLAIN_PATH = /^(?:\/(?:[A-Za-z][A-Za-z0-9_]{0,31}|\d{1,6}))+$/

/** Names what is wrong where, never what was sent. */
function describeValidation(failure: ValidationFailure | undefined): string {
  if (failure === undefined) return 'request does not have the expected shape'
  const where = PLAIN_PATH.test(failure.instancePath) ? failure.instancePath.slice(1).replaceAll('/', '.') : 'request'
  const name = failure.params['missingProperty'] ?? failure.params['additionalProperty']
  const member = typeof name === 'string' && PLAIN_NAME.test(name) ? ` "${name}"` : ''
  switch (failure.keyword) {
    case 'required':
      return `${where}: member${member} is missing`
    case 'additionalProperties':
      return `${where}: member${member} is not known`
    case 'type':
      return `${where}: expected ${String(failure.params['type'])}`
    default:
      return `${where}: value is not allowed (${failure.keyword})`
  }
}
