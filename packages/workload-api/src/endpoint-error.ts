import { WorkloadIdentityError } from '@countersign/protocol'

export type EndpointErrorCode =
  | 'ERR_ENDPOINT_MISSING'
  | 'ERR_ENDPOINT_SCHEME'
  | 'ERR_ENDPOINT_COMPONENT'
  | 'ERR_ENDPOINT_PATH'
  | 'ERR_ENDPOINT_HOST'
  | 'ERR_ENDPOINT_PORT'

/** The address of a Workload API endpoint does not follow the standard. */
export class EndpointError extends WorkloadIdentityError<EndpointErrorCode> {}
