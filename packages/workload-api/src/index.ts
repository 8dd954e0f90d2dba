export {
  ENDPOINT_VARIABLE,
  type EndpointAddress,
  formatEndpointAddress,
  formatGrpcTarget,
  MAX_SOCKET_PATH_BYTES,
  parseEndpointAddress,
} from './address.ts'
export { type ConnectOptions, connectWorkloadApi, type WorkloadApiClient } from './client.ts'
export { EndpointError, type EndpointErrorCode } from './endpoint-error.ts'
export { file_grpc_health_v1_health, Health } from './gen/grpc/health/v1/health_pb.ts'
export { file_grpc_reflection_v1_reflection, ServerReflection } from './gen/grpc/reflection/v1/reflection_pb.ts'
export {
  file_workloadapi,
  type JWTBundlesRequest,
  type JWTBundlesResponse,
  JWTBundlesResponseSchema,
  type JWTSVID,
  type JWTSVIDRequest,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  JWTSVIDSchema,
  SpiffeWorkloadAPI,
  type ValidateJWTSVIDRequest,
  type ValidateJWTSVIDResponse,
  ValidateJWTSVIDResponseSchema,
  type WITBundlesRequest,
  type WITBundlesResponse,
  WITBundlesResponseSchema,
  type WITSVID,
  type WITSVIDRequest,
  type WITSVIDResponse,
  WITSVIDResponseSchema,
  WITSVIDSchema,
  type X509BundlesRequest,
  type X509BundlesResponse,
  X509BundlesResponseSchema,
  type X509SVID,
  type X509SVIDRequest,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
  X509SVIDSchema,
} from './gen/workloadapi_pb.ts'
export type {
  AnswerUnary,
  BidiStreamingCall,
  GrpcCall,
  HandleBidiStreaming,
  HandleServerStreaming,
  HandleUnary,
  ServerStreamingCall,
  UnaryCall,
} from './grpc-call.ts'
export {
  addGrpcService,
  defineGrpcMethods,
  type GrpcHandlers,
  type GrpcMethod,
  type GrpcMethods,
  type GrpcServiceHost,
  MalformedRequest,
  type Received,
} from './grpc-service.ts'
export { type GrpcFailure, GrpcStatus } from './grpc-status.ts'
export { HealthService } from './health.ts'
export { type MutualTlsSettings, mutualTlsSettings, type X509Identity } from './mutual-tls.ts'
export { OwnIdentity, type OwnIdentityOptions } from './own-identity.ts'
export { ReflectionIndex, reflectionHandlers } from './reflection.ts'
export {
  healthMethods,
  reflectionAlphaMethods,
  reflectionMethods,
  SECURITY_HEADER,
  SECURITY_HEADER_VALUE,
  workloadApiMethods,
} from './service.ts'
export { splitCertificates } from './split-certificates.ts'
export { type Backoff, retryDelayMs, type WatchOptions, watch } from './watch.ts'
export { toWorkloadApiError, WorkloadApiError, type WorkloadApiErrorCode } from './workload-api-error.ts'
