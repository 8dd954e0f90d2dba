import { WorkloadIdentityError } from '@countersign/protocol'

export type InspectErrorCode = 'ERR_INSPECT_UNRECOGNIZED' | 'ERR_INSPECT_MALFORMED' | 'ERR_INSPECT_PRIVATE_KEY'

/** Input that cannot be shown, or must not be. No message quotes the input. */
export class InspectError extends WorkloadIdentityError<InspectErrorCode> {}
