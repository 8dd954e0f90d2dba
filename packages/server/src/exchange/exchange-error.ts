import { WorkloadIdentityError } from '@countersign/protocol'

export type ExchangeErrorCode = 'ERR_EXCHANGE_RULES' | 'ERR_EXCHANGE_ISSUER' | 'ERR_EXCHANGE_KEYS'

/** A token service that cannot be set up as it was written down. */
export class ExchangeError extends WorkloadIdentityError<ExchangeErrorCode> {}
