import type { Duplex } from 'node:stream'
import { BrokerAPI, file_spiffe_broker_brokerapi } from '@countersign/workload-api/broker'
import {
  addGrpcService,
  file_grpc_health_v1_health,
  file_grpc_reflection_v1_reflection,
  HealthService,
  healthMethods,
  ReflectionIndex,
  reflectionAlphaMethods,
  reflectionHandlers,
  reflectionMethods,
} from '@countersign/workload-api/server'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { BrokerContext } from './broker-context.ts'
import { fetchJwtSvid } from './fetch-jwt-svid.ts'
import { strictBrokerMethods } from './single-reference.ts'
import { subscribeToJwtBundles } from './subscribe-to-jwt-bundles.ts'
import { subscribeToX509Bundles } from './subscribe-to-x509-bundles.ts'
import { subscribeToX509Svid } from './subscribe-to-x509-svid.ts'

export interface BrokerServer {
  readonly health: HealthService
  /** Takes over a verified connection. */
  serve(connection: Duplex): void
  /** Cancels what is still running. */
  close(): void
}

const SERVER_OPTIONS = {
  // Requests hold a reference and a few audiences.
  'grpc.max_receive_message_length': 64 * 1024,
  // A connection without a call is closed; clients connect again when they need to.
  'grpc.max_connection_idle_ms': 600_000,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.enable_channelz': 0,
}

/** The gRPC server behind the TLS: the Broker API, health and reflection, all of them behind the gate. */
export function createBrokerServer(context: BrokerContext, maxStreams: number): BrokerServer {
  const server = new Server({
    ...SERVER_OPTIONS,
    'grpc.max_concurrent_streams': maxStreams,
    interceptors: [context.gate.interceptor],
  })
  const health = new HealthService(['', BrokerAPI.typeName])
  const files = [file_spiffe_broker_brokerapi, file_grpc_health_v1_health, file_grpc_reflection_v1_reflection]
  const reflection = reflectionHandlers(new ReflectionIndex(files))
  addGrpcService<typeof BrokerAPI>(server, strictBrokerMethods, {
    subscribeToX509SVID: subscribeToX509Svid(context),
    subscribeToX509Bundles: subscribeToX509Bundles(context),
    fetchJWTSVID: fetchJwtSvid(context),
    subscribeToJWTBundles: subscribeToJwtBundles(context),
  })
  addGrpcService(server, healthMethods, health.handlers)
  addGrpcService(server, reflectionMethods, reflection)
  addGrpcService(server, reflectionAlphaMethods, reflection)

  // TLS ends before gRPC begins, so to gRPC these connections are plain.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  return {
    health,
    serve: (connection) => injector.injectConnection(connection),
    close() {
      injector.destroy()
      server.forceShutdown()
    },
  }
}
