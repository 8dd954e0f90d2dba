import { WorkloadIdentityError } from '@countersign/protocol'

export type KeyManagerErrorCode =
  | 'ERR_KEY_MANAGER_EXISTS'
  | 'ERR_KEY_MANAGER_CORRUPT'
  | 'ERR_KEY_MANAGER_PERMISSIONS'
  | 'ERR_KEY_MANAGER_UNWRITABLE'
  | 'ERR_KEY_MANAGER_NAME'

/** A key could not be created, read or kept safely. */
export class KeyManagerError extends WorkloadIdentityError<KeyManagerErrorCode> {}
