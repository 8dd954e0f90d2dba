import { WorkloadIdentityError } from '@countersign/protocol'

export type EntitlementErrorCode = 'ERR_ENTITLEMENT_ENTRY' | 'ERR_ENTITLEMENT_KEY_REUSED'

/** An agent asked for a credential it may not have. */
export class EntitlementError extends WorkloadIdentityError<EntitlementErrorCode> {}
