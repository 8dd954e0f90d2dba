/** The SPIFFE Broker API: messages, service description and a client. */
export {
  API as BrokerAPI,
  type FetchJWTSVIDRequest,
  type FetchJWTSVIDResponse,
  FetchJWTSVIDResponseSchema,
  file_spiffe_broker_brokerapi,
  type KubernetesObjectReference,
  KubernetesObjectReferenceSchema,
  type SubscribeToJWTBundlesRequest,
  type SubscribeToJWTBundlesResponse,
  SubscribeToJWTBundlesResponseSchema,
  type SubscribeToX509BundlesRequest,
  type SubscribeToX509BundlesResponse,
  SubscribeToX509BundlesResponseSchema,
  type SubscribeToX509SVIDRequest,
  type SubscribeToX509SVIDResponse,
  SubscribeToX509SVIDResponseSchema,
  type WorkloadPIDReference,
  WorkloadPIDReferenceSchema,
  type WorkloadReference,
  WorkloadReferenceSchema,
} from '../gen/spiffe/broker/brokerapi_pb.ts'
export { BROKER_ENDPOINT_VARIABLE, parseBrokerAddress } from './broker-address.ts'
export { BrokerApiError, type BrokerApiErrorCode, toBrokerApiError } from './broker-api-error.ts'
export { type BrokerApiClient, type ConnectBrokerOptions, connectBrokerApi } from './broker-client.ts'
export { type BrokerErrorReason, packErrorInfo, unpackErrorReason } from './error-info.ts'
export { BROKER_SECURITY_HEADER, BROKER_SECURITY_HEADER_VALUE, brokerApiMethods } from './service.ts'
export { referToPid } from './workload-reference.ts'
