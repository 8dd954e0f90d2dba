import { WorkloadIdentityError } from '../errors/workload-identity-error.ts'

export type AllocationErrorCode =
  | 'ERR_ALLOCATION_PRINCIPAL'
  | 'ERR_ALLOCATION_TAKEN'
  | 'ERR_ALLOCATION_UNKNOWN'
  | 'ERR_ALLOCATION_HOLDER'
  | 'ERR_ALLOCATION_NOT_INTENDED'
  | 'ERR_ALLOCATION_NOT_RETIRED'

/** An identifier that must not be given to a principal. */
export class AllocationError extends WorkloadIdentityError<AllocationErrorCode> {}
