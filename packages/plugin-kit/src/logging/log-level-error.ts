import { WorkloadIdentityError } from '@countersign/protocol'

export type LogLevelErrorCode = 'ERR_LOG_COMPONENT'

/** A level cannot be set as asked. */
export class LogLevelError extends WorkloadIdentityError<LogLevelErrorCode> {}
