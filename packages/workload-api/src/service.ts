import { Health } from './gen/grpc/health/v1/health_pb.ts'
import { ServerReflection } from './gen/grpc/reflection/v1/reflection_pb.ts'
import { SpiffeWorkloadAPI } from './gen/workloadapi_pb.ts'
import { defineGrpcMethods } from './grpc-service.ts'

/** `/SpiffeWorkloadAPI/<Method>`. @see SPIFFE Workload API */
export const workloadApiMethods = defineGrpcMethods(SpiffeWorkloadAPI)
/** `/grpc.health.v1.Health/<Method>`. */
export const healthMethods = defineGrpcMethods(Health)
/** `/grpc.reflection.v1.ServerReflection/<Method>`. */
export const reflectionMethods = defineGrpcMethods(ServerReflection)
/** The older name of the same service and messages, which many tools still ask for first. */
export const reflectionAlphaMethods: typeof reflectionMethods = {
  serverReflectionInfo: {
    ...reflectionMethods.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
}

/** Every Workload API call carries this metadata, so that a request forged through a web client cannot be one. */
export const SECURITY_HEADER = 'workload.spiffe.io'
export const SECURITY_HEADER_VALUE = 'true'
