import { create } from '@bufbuild/protobuf'
import { DiscoverySession, requireSecretType } from './discovery-session.ts'
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { SECRET_TYPE_URL, type SecretResource, versionOf } from './secret-resource.ts'

/**
 * State of the world: each request says all that is wanted, each response holds all of it that exists.
 *
 * - A request whose nonce is not that of the newest response is ignored: another will follow that has it.
 * - An acknowledgement is not answered. Neither is a refusal; the client hears again when something changes.
 * - This variant has no words for a secret that does not exist. It is left out, and sent when there is one. While none
 *   of those that were asked for exists there is no response at all: Envoy takes an empty one for an error. It waits
 *   (`initial_fetch_timeout`, 15 s unless set) and goes on without.
 *
 * @see xDS protocol, "ACK/NACK and resource type instance version", "Resource updates", "Knowing When a Requested
 *   Resource Does Not Exist"
 */
export class WorldSession extends DiscoverySession<DiscoveryRequest, DiscoveryResponse> {
  receive(request: DiscoveryRequest): boolean {
    requireSecretType(request.typeUrl)
    if (this.nonces.last !== undefined && request.responseNonce !== this.nonces.last) return false
    this.hear(request)
    return this.subscription.replace(request.resourceNames)
  }

  answer(resources: ReadonlyMap<string, SecretResource>): DiscoveryResponse | undefined {
    const { known } = this.subscription
    const isNews = [...resources.values()].some(({ name, version }) => known.get(name) !== version)
    known.clear()
    for (const { name, version } of resources.values()) known.set(name, version)
    return isNews ? worldResponse(resources, this.nonces.next()) : undefined
  }
}

export function worldResponse(resources: ReadonlyMap<string, SecretResource>, nonce: string): DiscoveryResponse {
  const all = [...resources.values()]
  return create(DiscoveryResponseSchema, {
    versionInfo: versionOf(all.flatMap(({ name, version }) => [name, version])),
    resources: all.map(({ resource }) => resource),
    typeUrl: SECRET_TYPE_URL,
    nonce,
  })
}
