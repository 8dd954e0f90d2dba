import { WorkloadIdentityError } from '@countersign/protocol'

export type ConformanceErrorCode = 'ERR_CONFORMANCE_FORMAT' | 'ERR_CONFORMANCE_NO_CASES'

/** Conformance cases could not be read. A case that fails is no error: it is a result. */
export class ConformanceError extends WorkloadIdentityError<ConformanceErrorCode> {}
