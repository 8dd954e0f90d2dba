import { WorkloadIdentityError } from '@countersign/protocol'

export type DemoErrorCode = 'ERR_DEMO_PROGRAM_FAILED' | 'ERR_DEMO_TIMEOUT' | 'ERR_DEMO_NOT_RUNNING' | 'ERR_DEMO_STOPPED'

/** The demo itself could not go on; says which program and where its log is. */
export class DemoError extends WorkloadIdentityError<DemoErrorCode> {}
