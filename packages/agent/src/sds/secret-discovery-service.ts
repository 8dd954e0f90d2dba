import {
  defineGrpcMethods,
  type GrpcHandlers,
  GrpcStatus,
  MalformedRequest,
  type Received,
  type UnaryCall,
} from '@countersign/workload-api/server'
import { LogLimit } from '../log-limit.ts'
import { invalidArgument, RpcError, toRpcError } from '../workload-api/rpc-error.ts'
import type { ServiceContext } from '../workload-api/service-context.ts'
import { DeltaSession } from './delta-session.ts'
import { readPlainValidation, requireSecretType } from './discovery-session.ts'
import { type DiscoveryContext, serveDiscovery } from './discovery-stream.ts'
import type { DiscoveryRequest, DiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { file_envoy_service_secret_v3_sds, SecretDiscoveryService } from './gen/envoy/service/secret/v3/sds_pb.ts'
import type { SdsSettings } from './secret-names.ts'
import { SecretSource } from './secret-source.ts'
import { Subscription } from './subscription.ts'
import { WorldSession, worldResponse } from './world-session.ts'

export { file_envoy_service_secret_v3_sds, SecretDiscoveryService }

/**
 * Envoy 1.40 sends 60 KiB: its first request names every extension it was built with, and metadata comes on top. No more
 * than is needed, because this much may be held for each stream on which a client began to send.
 */
export const MAX_DISCOVERY_REQUEST_BYTES = 128 * 1024

/** `/envoy.service.secret.v3.SecretDiscoveryService/<Method>`. */
export const secretDiscoveryMethods = defineGrpcMethods(SecretDiscoveryService, MAX_DISCOVERY_REQUEST_BYTES)

/** Envoy's Secret Discovery Service, version 3, for the program that calls and for what it may have. */
export function secretDiscoveryHandlers(
  context: ServiceContext,
  settings: SdsSettings,
): GrpcHandlers<typeof SecretDiscoveryService> {
  const discovery: DiscoveryContext = {
    ...context,
    secrets: new SecretSource(context, settings),
    isPlain: settings.disableSpiffeCertValidation,
    rejections: new LogLimit(context.clock),
  }
  return {
    streamSecrets: (call) => serveDiscovery(discovery, call, (onRejection) => new WorldSession(onRejection)),
    deltaSecrets: (call) => serveDiscovery(discovery, call, (onRejection) => new DeltaSession(onRejection)),
    fetchSecrets: (call, callback) => {
      fetchSecrets(discovery, call).then(
        (response) => callback(null, response),
        (error) => callback(toRpcError(error, context.log)),
      )
    },
  }
}

/**
 * Answers once. Of what was asked for, what does not exist is left out.
 *
 * @throws RpcError NOT_FOUND when nothing of it exists: an empty response would look like success
 */
async function fetchSecrets(
  { callers, secrets, isPlain }: DiscoveryContext,
  call: UnaryCall<Received<DiscoveryRequest>>,
): Promise<DiscoveryResponse> {
  const { request } = call
  if (request instanceof MalformedRequest) throw invalidArgument('request cannot be decoded')
  requireSecretType(request.typeUrl)
  const subscription = new Subscription()
  subscription.replace(request.resourceNames)
  const caller = await callers.resolve(call)
  const plain = readPlainValidation(request.node) ?? isPlain
  const { resources } = await secrets.read(caller, subscription.wanted, plain)
  if (resources.size === 0) throw new RpcError(GrpcStatus.NOT_FOUND, 'no such secret')
  return worldResponse(resources, '')
}
