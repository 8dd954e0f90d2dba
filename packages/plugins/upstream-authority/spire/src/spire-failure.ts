import { UpstreamAuthorityError, type UpstreamAuthorityErrorCode } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { type ServiceError, status } from '@grpc/grpc-js'

/** What a call that SPIRE did not answer comes to. SPIRE's own words are for the log. */
export function toUpstreamError(error: unknown): UpstreamAuthorityError {
  if (error instanceof UpstreamAuthorityError) return error
  if (!isServiceError(error)) {
    return failure('UNREACHABLE', 'SPIRE server cannot be asked', errorCode(error) ?? 'unexpected error')
  }
  const detail = `${status[error.code] ?? error.code}: ${error.details.slice(0, 512)}`
  switch (error.code) {
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return failure('REFUSED', 'SPIRE server refused: its entry for this server needs the flag -downstream', detail)
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.UNIMPLEMENTED:
      return failure('REFUSED', 'SPIRE server refused the request', detail)
    default:
      return failure('UNREACHABLE', 'SPIRE server cannot be reached or does not answer', detail)
  }
}

export function isUnimplemented(error: unknown): boolean {
  return isServiceError(error) && error.code === status.UNIMPLEMENTED
}

type Reason = UpstreamAuthorityErrorCode extends `ERR_UPSTREAM_AUTHORITY_${infer Name}` ? Name : never

export function failure(reason: Reason, message: string, detail: string): UpstreamAuthorityError {
  return new UpstreamAuthorityError(`ERR_UPSTREAM_AUTHORITY_${reason}`, message, { detail })
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error
}
