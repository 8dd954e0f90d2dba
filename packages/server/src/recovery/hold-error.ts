import { WorkloadIdentityError } from '@countersign/protocol'

export type HoldErrorCode = 'ERR_HOLD_RESTORED' | 'ERR_HOLD_CLOCK' | 'ERR_HOLD_NONE'

/** The server issues nothing until an operator, or the clock, has set something right. */
export class HoldError extends WorkloadIdentityError<HoldErrorCode> {}
