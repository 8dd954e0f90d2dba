import { WorkloadIdentityError } from '@countersign/protocol'

export type CloudErrorCode =
  | 'ERR_CLOUD_ISSUER'
  | 'ERR_CLOUD_SUBJECT'
  | 'ERR_CLOUD_ALGORITHM'
  | 'ERR_CLOUD_AUDIENCE'
  | 'ERR_CLOUD_LIFETIME'
  | 'ERR_CLOUD_ARGUMENT'
  | 'ERR_CLOUD_DISCOVERY'
  | 'ERR_CLOUD_EXECUTABLE'
  | 'ERR_CLOUD_UNREACHABLE'
  | 'ERR_CLOUD_ANSWER'
  | 'ERR_CLOUD_REFUSED'

/** A cloud cannot take our tokens, or did not. */
export class CloudError extends WorkloadIdentityError<CloudErrorCode> {}
