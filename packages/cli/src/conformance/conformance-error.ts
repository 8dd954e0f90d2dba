import { WorkloadIdentityError } from '@countersign/protocol'

export type ConformanceErrorCode =
  | 'ERR_CONFORMANCE_FORMAT'
  | 'ERR_CONFORMANCE_NO_CASES'
  | 'ERR_CONFORMANCE_UNREACHABLE'
  | 'ERR_CONFORMANCE_NO_IDENTITY'

/** What is to be tested could not be read or reached. A case or check that fails is no error: it is a result. */
export class ConformanceError extends WorkloadIdentityError<ConformanceErrorCode> {}
