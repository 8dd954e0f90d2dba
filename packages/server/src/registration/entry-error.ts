import { WorkloadIdentityError } from '@countersign/protocol'

export type EntryErrorCode =
  | 'ERR_ENTRY_EXISTS'
  | 'ERR_ENTRY_NOT_FOUND'
  | 'ERR_ENTRY_IDENTIFIER'
  | 'ERR_ENTRY_RESERVED'
  | 'ERR_ENTRY_PARENT'
  | 'ERR_ENTRY_SELECTORS'
  | 'ERR_ENTRY_DNS_NAME'
  | 'ERR_ENTRY_TTL'
  | 'ERR_ENTRY_HINT'
  | 'ERR_ENTRY_EXPIRED'
  | 'ERR_ENTRY_FEDERATION'

/** A registration entry that cannot be stored, or is not there. */
export class EntryError extends WorkloadIdentityError<EntryErrorCode> {}
