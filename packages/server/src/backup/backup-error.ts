import { WorkloadIdentityError } from '@countersign/protocol'

export type BackupErrorCode =
  | 'ERR_BACKUP_FORMAT'
  | 'ERR_BACKUP_VERSION'
  | 'ERR_BACKUP_PASSPHRASE'
  | 'ERR_BACKUP_SOURCE'
  | 'ERR_BACKUP_TARGET_NOT_EMPTY'
  | 'ERR_BACKUP_TARGET_IN_USE'
  | 'ERR_BACKUP_UNWRITABLE'

/** A backup cannot be made, read or put in place. What was there before is as it was. */
export class BackupError extends WorkloadIdentityError<BackupErrorCode> {}
