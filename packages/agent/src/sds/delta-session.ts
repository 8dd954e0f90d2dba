import { create } from '@bufbuild/protobuf'
import { DiscoverySession, requireSecretType } from './discovery-session.ts'
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts'
import { SECRET_TYPE_URL, type SecretResource, versionOf } from './secret-resource.ts'

/**
 * Incremental: requests add and take away names, responses hold what has changed and name what is gone.
 *
 * - What is wanted changes whatever the nonce; an acknowledgement or a refusal is not answered.
 * - A secret that does not exist is named in `removed_resources` at once, so that the client need not wait for it, and
 *   sent when there is one.
 * - What a client says it has from an earlier stream is not sent again while it is the same.
 *
 * @see xDS protocol, "Incremental xDS"
 */
export class DeltaSession extends DiscoverySession<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  receive(request: DeltaDiscoveryRequest): boolean {
    requireSecretType(request.typeUrl)
    const isFirst = this.hear(request)
    const { resourceNamesSubscribe, resourceNamesUnsubscribe } = request
    const changed = this.subscription.change(resourceNamesSubscribe, resourceNamesUnsubscribe)
    if (isFirst) this.subscription.assumeKnown(request.initialResourceVersions)
    return changed
  }

  answer(resources: ReadonlyMap<string, SecretResource>): DeltaDiscoveryResponse | undefined {
    const { known, wanted } = this.subscription
    const changed = [...resources.values()].filter(({ name, version }) => known.get(name) !== version)
    const named = new Set([...wanted.names, ...known.keys()])
    const removed = [...named].filter((name) => !resources.has(name) && known.get(name) !== null)
    for (const { name, version } of changed) known.set(name, version)
    for (const name of removed) {
      if (wanted.names.has(name)) known.set(name, null)
      else known.delete(name)
    }
    if (changed.length === 0 && removed.length === 0) return undefined
    const all = [...resources.values()]
    return create(DeltaDiscoveryResponseSchema, {
      systemVersionInfo: versionOf(all.flatMap(({ name, version }) => [name, version])),
      resources: changed,
      removedResources: removed,
      typeUrl: SECRET_TYPE_URL,
      nonce: this.nonces.next(),
    })
  }
}
