import type { Entry } from '@countersign/api'
import type { SpiffeBundle } from '@countersign/protocol'
import { GrpcStatus } from '@countersign/workload-api/server'
import type { WorkloadX509Svid } from '../issuance/issuer.ts'
import type { Caller } from '../workload-api/caller.ts'
import { type IssuedForEntries, issueForEntries } from '../workload-api/issue-for-entries.ts'
import { RpcError } from '../workload-api/rpc-error.ts'
import type { ServiceContext } from '../workload-api/service-context.ts'
import { bundleKey, readyX509Bundles } from '../workload-api/visible-bundles.ts'
import type { SecretNames } from './secret-names.ts'
import {
  plainValidationContext,
  type SecretResource,
  spiffeValidationContext,
  tlsCertificate,
} from './secret-resource.ts'
import type { WantedSecrets } from './subscription.ts'

/** What the wildcard may stand for. A response with more would be larger than what clients take in. */
const MAX_WILDCARD_IDENTITIES = 1000
/** When to ask again for what the server has refused. */
const REFUSED_RETRY_SECONDS = 60

export interface SecretReading {
  /** By name; what the caller does not have is not there. */
  readonly resources: ReadonlyMap<string, SecretResource>
  /** When this will be out of date by itself. Epoch seconds. */
  readonly freshUntil: number
}

/**
 * Finds the secrets a program asks for by name:
 *
 * - the default SVID name, by default `default`: certificate and key of its oldest identity
 * - the SPIFFE ID of one of its identities: certificate and key of that one
 * - the default bundle name, by default `ROOTCA`: the roots of its own trust domain
 * - the ID of a trust domain, `spiffe://example.org`, its own or a federated one: the roots of that domain
 * - the name of all bundles, by default `ALL`: the roots of all of them, kept apart by the SPIFFE certificate validator
 *
 * The wildcard stands for its identities and trust domains, each under its own ID. Only what is asked for is issued.
 * Of several, one that the server refuses to issue is not there, and looked for again.
 */
export class SecretSource {
  readonly #context: ServiceContext
  readonly #names: SecretNames

  constructor(context: ServiceContext, names: SecretNames) {
    this.#context = context
    this.#names = names
  }

  /**
   * @param isPlain gives the roots of single trust domains without the SPIFFE certificate validator
   * @throws RpcError UNAVAILABLE when the own trust domain has no roots now
   * @throws RpcError RESOURCE_EXHAUSTED when the wildcard would stand for more than 1000 identities
   * @throws ServerCallError when the server cannot be reached, or refuses, and nothing that is asked for has been issued yet
   */
  async read(caller: Caller, wanted: WantedSecrets, isPlain: boolean): Promise<SecretReading> {
    const bundles = readyX509Bundles(caller, this.#context.trustDomain)
    const entries = this.#entriesWanted(caller, wanted)
    const { issued, freshUntil } = await this.#issue([...new Set(entries.values())])
    const credentials = new Map(issued.map(({ entry, credential }) => [entry, credential]))
    const resources = new Map<string, SecretResource>()
    const add = (resource: SecretResource) => resources.set(resource.name, resource)
    for (const [name, entry] of entries) {
      const credential = credentials.get(entry)
      if (credential !== undefined) add(tlsCertificate(name, credential))
    }
    const single = (name: string, bundle: SpiffeBundle) =>
      isPlain ? plainValidationContext(name, bundle) : spiffeValidationContext(name, [bundle])
    for (const bundle of bundles) {
      const id = bundleKey(bundle)
      if (wanted.wildcard || wanted.names.has(id)) add(single(id, bundle))
    }
    const { defaultBundleName, defaultAllBundlesName } = this.#names
    if (wanted.names.has(defaultBundleName)) add(single(defaultBundleName, bundles[0]))
    if (wanted.names.has(defaultAllBundlesName)) add(spiffeValidationContext(defaultAllBundlesName, bundles))
    // An identity may also end because its entry does, which no credential tells.
    return { resources, freshUntil: Math.min(freshUntil, caller.view.entries.nextExpiry(caller.entries)) }
  }

  /** By the names they are asked for under. Of several entries for one identity, the oldest. */
  #entriesWanted({ entries }: Caller, { names, wildcard }: WantedSecrets): Map<string, Entry> {
    if (wildcard && entries.length > MAX_WILDCARD_IDENTITIES) {
      throw new RpcError(
        GrpcStatus.RESOURCE_EXHAUSTED,
        `more than ${MAX_WILDCARD_IDENTITIES} identities: name those wanted`,
      )
    }
    const wanted = new Map<string, Entry>()
    const [oldest] = entries
    if (oldest !== undefined && names.has(this.#names.defaultSvidName)) wanted.set(this.#names.defaultSvidName, oldest)
    for (const entry of entries) {
      const { spiffeId } = entry
      if ((wildcard || names.has(spiffeId)) && !wanted.has(spiffeId)) wanted.set(spiffeId, entry)
    }
    return wanted
  }

  /** One that the server refuses is left out, and asked for again; when it refuses all, that is no withdrawal. */
  async #issue(entries: readonly Entry[]): Promise<IssuedForEntries<WorkloadX509Svid>> {
    const { issuer, clock } = this.#context
    const reading = await issueForEntries(this.#context, entries, (entry) => issuer.x509Svid(entry))
    if (reading.issued.length === entries.length) return reading
    return { ...reading, freshUntil: Math.min(reading.freshUntil, clock.now() + REFUSED_RETRY_SECONDS) }
  }
}
