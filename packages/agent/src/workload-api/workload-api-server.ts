import type { Duplex } from 'node:stream'
import {
  addGrpcService,
  file_grpc_health_v1_health,
  file_grpc_reflection_v1_reflection,
  file_workloadapi,
  HealthService,
  healthMethods,
  ReflectionIndex,
  reflectionAlphaMethods,
  reflectionHandlers,
  reflectionMethods,
  SpiffeWorkloadAPI,
  workloadApiMethods,
} from '@countersign/workload-api/server'
import { GrpcServer } from '../grpc/grpc-server.ts'
import {
  file_envoy_service_secret_v3_sds,
  MAX_DISCOVERY_REQUEST_BYTES,
  SecretDiscoveryService,
  secretDiscoveryHandlers,
  secretDiscoveryMethods,
} from '../sds/secret-discovery-service.ts'
import type { SdsSettings } from '../sds/secret-names.ts'
import { fetchJwtBundles } from './fetch-jwt-bundles.ts'
import { fetchJwtSvid } from './fetch-jwt-svid.ts'
import { fetchWitBundles } from './fetch-wit-bundles.ts'
import { fetchWitSvid } from './fetch-wit-svid.ts'
import { fetchX509Bundles } from './fetch-x509-bundles.ts'
import { fetchX509Svid } from './fetch-x509-svid.ts'
import type { ServiceContext } from './service-context.ts'
import { validateJwtSvid } from './validate-jwt-svid.ts'

export interface WorkloadApiServer {
  readonly health: HealthService
  /** Takes over an accepted connection. */
  serve(connection: Duplex): void
  /** Cancels what is still running. */
  close(): void
}

/**
 * The gRPC server behind the socket: the Workload API, Envoy's Secret Discovery Service, and health and reflection. Only
 * the first needs the security header.
 */
export function createWorkloadApiServer(context: ServiceContext, sds: SdsSettings): WorkloadApiServer {
  const server = new GrpcServer({
    maxRequestBytes: MAX_DISCOVERY_REQUEST_BYTES,
    clock: context.clock,
    log: context.log,
    onCallEnd: (path, status) => context.observation?.recorder.callEnded(path, status),
  })
  const health = new HealthService(['', SpiffeWorkloadAPI.typeName, SecretDiscoveryService.typeName])
  const files = [
    file_workloadapi,
    file_envoy_service_secret_v3_sds,
    file_grpc_health_v1_health,
    file_grpc_reflection_v1_reflection,
  ]
  const reflection = reflectionHandlers(new ReflectionIndex(files))
  addGrpcService<typeof SpiffeWorkloadAPI>(server, workloadApiMethods, {
    fetchX509SVID: fetchX509Svid(context),
    fetchX509Bundles: fetchX509Bundles(context),
    fetchJWTSVID: fetchJwtSvid(context),
    fetchJWTBundles: fetchJwtBundles(context),
    validateJWTSVID: validateJwtSvid(context),
    fetchWITSVID: fetchWitSvid(context),
    fetchWITBundles: fetchWitBundles(context),
  })
  addGrpcService<typeof SecretDiscoveryService>(server, secretDiscoveryMethods, secretDiscoveryHandlers(context, sds))
  addGrpcService(server, healthMethods, health.handlers)
  addGrpcService(server, reflectionMethods, reflection)
  addGrpcService(server, reflectionAlphaMethods, reflection)

  return {
    health,
    serve: (connection) => server.serve(connection),
    close: () => server.close(),
  }
}
