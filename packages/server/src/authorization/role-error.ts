import { WorkloadIdentityError } from '@countersign/protocol'

export type RoleErrorCode =
  | 'ERR_ROLE_NOT_FOUND'
  | 'ERR_ROLE_EXISTS'
  | 'ERR_ROLE_SUBJECT'
  | 'ERR_ROLE_PREFIX'
  | 'ERR_ROLE_LIMITS'
  | 'ERR_ROLE_EXPIRED'

/** A role that cannot be granted, or was not. */
export class RoleError extends WorkloadIdentityError<RoleErrorCode> {}
