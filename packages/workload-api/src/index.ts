export {
  ENDPOINT_VARIABLE,
  type EndpointAddress,
  formatEndpointAddress,
  formatGrpcTarget,
} from './address.ts'
export { type ConnectOptions, connectWorkloadApi, type WorkloadApiClient } from './client.ts'
export { EndpointError, type EndpointErrorCode } from './endpoint-error.ts'
export { OwnIdentity, type OwnIdentityOptions } from './own-identity.ts'
export * from './server.ts'
export { splitCertificates } from './split-certificates.ts'
export { type WatchOptions, watch } from './watch.ts'
export { toWorkloadApiError, WorkloadApiError, type WorkloadApiErrorCode } from './workload-api-error.ts'
