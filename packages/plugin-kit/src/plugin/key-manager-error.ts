import { WorkloadIdentityError } from '@countersign/protocol'

export type KeyManagerErrorCode =
  | 'ERR_KEY_MANAGER_EXISTS'
  | 'ERR_KEY_MANAGER_CORRUPT'
  | 'ERR_KEY_MANAGER_PERMISSIONS'
  | 'ERR_KEY_MANAGER_NAME'
  | 'ERR_KEY_MANAGER_ALGORITHM'
  | 'ERR_KEY_MANAGER_SECRET'
  | 'ERR_KEY_MANAGER_PASSPHRASE'
  | 'ERR_KEY_MANAGER_ENCRYPTED'
  | 'ERR_KEY_MANAGER_MODULE'
  | 'ERR_KEY_MANAGER_PIN'
  | 'ERR_KEY_MANAGER_TOKEN'

/** A key could not be created, read, used or kept safely. */
export class KeyManagerError extends WorkloadIdentityError<KeyManagerErrorCode> {}
