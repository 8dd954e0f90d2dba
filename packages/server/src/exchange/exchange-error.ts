import { WorkloadIdentityError } from '@countersign/protocol'

export type ExchangeErrorCode =
  | 'ERR_EXCHANGE_RULES'
  | 'ERR_EXCHANGE_ISSUER'
  | 'ERR_EXCHANGE_CLIENT'
  | 'ERR_EXCHANGE_KEYS'
  | 'ERR_EXCHANGE_OFF'

/** A token service that cannot be set up as it was written down, or that is not there. */
export class ExchangeError extends WorkloadIdentityError<ExchangeErrorCode> {}
