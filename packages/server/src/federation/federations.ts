import type { BundleDocument, Federation, FederationChange, NewFederation, TrustDomainBundle } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, type JsonObject } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { BundleStore } from '../store/bundle-store.ts'
import type { FederationEndpoint, FederationStore } from '../store/federation-store.ts'
import type { ServerRecorder } from '../telemetry/server-recorder.ts'
import { AddressPolicy } from './address-policy.ts'
import { authenticationOf } from './authentication-of.ts'
import { parseBundleDocument } from './bundle-document.ts'
import { FederationError } from './federation-error.ts'
import type { BundleFetcher, BundleSource } from './fetch-bundle.ts'
import { refreshDelay } from './refresh-delay.ts'
import { RefreshSchedule } from './refresh-schedule.ts'
import { requireForeignTrustDomain, validateEndpoint } from './validate-federation.ts'

export interface FederationsOptions {
  readonly store: FederationStore
  readonly bundles: BundleStore
  readonly fetchBundle: BundleFetcher
  readonly audit: Audit
  readonly log: Logger
  readonly clock: Clock
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  readonly trustDomain: string
  readonly recorder?: Pick<ServerRecorder, 'bundleRefreshed'>
}

/** For one attempt as a whole. */
const TIMEOUT_MS = 10_000

interface Attempt {
  readonly result: Promise<Federation>
  /** Aborts it: the relationship it was for has ended, or what it relied on was replaced. */
  readonly ended: AbortController
}

/** Relationships with other trust domains: keeps their bundles fresh, each on its own, and never waits for any. */
export class Federations {
  readonly #options: FederationsOptions
  readonly #schedule: RefreshSchedule
  readonly #running = new Map<string, Attempt>()
  readonly #stopping = new AbortController()

  constructor(options: FederationsOptions) {
    this.#options = options
    this.#schedule = new RefreshSchedule(options.clock, (trustDomain) => void this.#refreshInBackground(trustDomain))
  }

  /** Begins to fetch the bundles of the stored relationships, soon and not all at once. */
  async start(): Promise<void> {
    for (const { trustDomain } of await this.#options.store.list()) {
      this.#schedule.set(trustDomain, this.#options.random())
    }
  }

  /** Cancels what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#schedule.stop()
    await Promise.allSettled([...this.#running.values()].map(({ result }) => result))
  }

  /** @throws FederationError `ERR_FEDERATION_NOT_FOUND` */
  get(trustDomain: string): Promise<Federation> {
    return this.#require(trustDomain)
  }

  async list(): Promise<Federation[]> {
    return (await this.#options.store.list()).map((federation) => this.#withSchedule(federation))
  }

  /**
   * Stores the relationship and fetches in the background.
   *
   * @throws FederationError as `requireForeignTrustDomain`, `validateEndpoint` and `parseBundleDocument`,
   *   `ERR_FEDERATION_EXISTS`
   */
  async create({ trustDomain, ...change }: NewFederation): Promise<Federation> {
    requireForeignTrustDomain(trustDomain, this.#options.trustDomain)
    const endpoint = parseEndpoint(trustDomain, change)
    const created = await this.#options.store.create(trustDomain, endpoint)
    this.#options.audit.federationCreated({ trustDomain, bundleEndpointUrl: created.bundleEndpointUrl })
    if (endpoint.bundle !== undefined) this.#reportBundle(trustDomain, endpoint.bundle)
    this.#schedule.set(trustDomain, 0)
    return this.#withSchedule(created)
  }

  /**
   * Replaces where the bundle comes from, and fetches from there in the background. The bundle that is known stays
   * trusted until then, unless another is given.
   *
   * @throws FederationError as `create`, `ERR_FEDERATION_NOT_FOUND`
   */
  async update(trustDomain: string, change: FederationChange): Promise<Federation> {
    const endpoint = parseEndpoint(trustDomain, change)
    // Before it is stored: what an attempt brings from the former endpoint must not be taken after this.
    const scheduled = this.#abandon(trustDomain)
    try {
      const updated = await this.#options.store.update(trustDomain, endpoint)
      this.#options.audit.federationUpdated({ trustDomain, bundleEndpointUrl: updated.bundleEndpointUrl })
      if (endpoint.bundle !== undefined) this.#reportBundle(trustDomain, endpoint.bundle)
      this.#schedule.set(trustDomain, 0)
      return this.#withSchedule(updated)
    } catch (error) {
      if (scheduled) this.#schedule.set(trustDomain, 0)
      throw error
    }
  }

  /** Ends the relationship and the trust in that domain. @throws FederationError `ERR_FEDERATION_NOT_FOUND` */
  async delete(trustDomain: string): Promise<void> {
    await this.#options.store.delete(trustDomain)
    // Joined by a later relationship with the same domain, it would fetch from the wrong place and end its schedule.
    this.#abandon(trustDomain)
    this.#options.audit.federationDeleted({ trustDomain })
  }

  /**
   * Takes a bundle from the operator, whatever its sequence: it counts until the next refresh. Endpoints that it
   * authenticates are asked again at once.
   *
   * @throws FederationError for the own trust domain or an unusable document
   */
  async setBundle(trustDomain: string, document: unknown): Promise<TrustDomainBundle> {
    requireForeignTrustDomain(trustDomain, this.#options.trustDomain)
    const bundle = parseBundleDocument(trustDomain, document)
    const dependent = (await this.#options.store.list()).filter(({ endpointSpiffeId }) =>
      endpointSpiffeId?.startsWith(`spiffe://${trustDomain}/`),
    )
    // What an attempt brings that the former bundle authenticated must not be taken after this.
    for (const federation of dependent) this.#abandon(federation.trustDomain)
    try {
      if (await this.#options.bundles.put(trustDomain, bundle)) this.#reportBundle(trustDomain, bundle)
    } finally {
      for (const federation of dependent) this.#schedule.set(federation.trustDomain, 0)
    }
    return { trustDomain, bundle }
  }

  /**
   * Fetches now; an attempt that is already under way is joined. A failed attempt is told by `lastError`, not thrown.
   *
   * @throws FederationError `ERR_FEDERATION_NOT_FOUND`
   */
  refresh(trustDomain: string): Promise<Federation> {
    const running = this.#running.get(trustDomain)
    if (running !== undefined) return running.result
    const ended = new AbortController()
    const result = this.#refresh(trustDomain, ended.signal).finally(() => {
      if (this.#running.get(trustDomain)?.ended === ended) this.#running.delete(trustDomain)
    })
    this.#running.set(trustDomain, { result, ended })
    return result
  }

  async #refresh(trustDomain: string, ended: AbortSignal): Promise<Federation> {
    const { store, clock, log, audit, recorder } = this.#options
    const federation = await this.#require(trustDomain)
    const { bundleEndpointUrl: url } = federation
    let isFailed = false
    try {
      const authentication = await authenticationOf(federation, this.#options.bundles, clock.now())
      const addresses = new AddressPolicy(federation.allowedAddresses ?? [])
      const document = await this.#fetchInTime({ url, authentication, addresses }, ended)
      const bundle = parseBundleDocument(trustDomain, document)
      if (await store.recordFetched(federation, bundle, ended)) this.#reportBundle(trustDomain, bundle)
      recorder?.bundleRefreshed({ trustDomain })
    } catch (error) {
      if (ended.aborted) return this.#require(trustDomain)
      const code = errorCode(error)
      if (code === undefined || code === 'ERR_FEDERATION_NOT_FOUND') throw error
      if (this.#stopping.signal.aborted) return this.#require(trustDomain)
      isFailed = true
      const { message, detail } = error as FederationError
      log.warn({ trustDomain, code, detail }, 'bundle of a federated trust domain was not refreshed')
      audit.federatedBundleRefused({ trustDomain, code })
      recorder?.bundleRefreshed({ trustDomain, code })
      await store.recordFailure(trustDomain, url, { code, message, detail }, clock.now())
    }
    const hint = (await this.#options.bundles.get(trustDomain))?.bundle.spiffe_refresh_hint
    if (ended.aborted) return this.#require(trustDomain)
    const failures = isFailed ? this.#schedule.failures(trustDomain) + 1 : 0
    this.#schedule.set(trustDomain, refreshDelay(hint, failures, this.#options.random()), failures)
    return this.#require(trustDomain)
  }

  async #fetchInTime(source: BundleSource, ended: AbortSignal): Promise<JsonObject> {
    const deadline = new AbortController()
    const cancel = this.#options.clock.schedule(TIMEOUT_MS, () => deadline.abort())
    try {
      const signal = AbortSignal.any([deadline.signal, ended, this.#stopping.signal])
      return await this.#options.fetchBundle(source, signal)
    } finally {
      cancel()
    }
  }

  async #require(trustDomain: string): Promise<Federation> {
    const federation = await this.#options.store.get(trustDomain)
    if (federation === undefined) throw notFound()
    return this.#withSchedule(federation)
  }

  #withSchedule(federation: Federation): Federation {
    const nextRefreshAt = this.#schedule.nextAt(federation.trustDomain)
    return nextRefreshAt === undefined ? federation : { ...federation, nextRefreshAt }
  }

  /** Forgets the attempt that is under way and the one that would be next. @returns whether there was either */
  #abandon(trustDomain: string): boolean {
    const isScheduled = this.#schedule.cancel(trustDomain)
    const running = this.#running.get(trustDomain)
    running?.ended.abort()
    this.#running.delete(trustDomain)
    return isScheduled || running !== undefined
  }

  /** A relationship that was ended meanwhile is simply not scheduled again; anything else must not end the loop. */
  async #refreshInBackground(trustDomain: string): Promise<void> {
    try {
      await this.refresh(trustDomain)
    } catch (error) {
      if (errorCode(error) === 'ERR_FEDERATION_NOT_FOUND' || this.#stopping.signal.aborted) return
      this.#options.log.error({ trustDomain, code: errorCode(error), err: error }, 'refreshing a bundle failed')
      const failures = this.#schedule.failures(trustDomain) + 1
      this.#schedule.set(trustDomain, refreshDelay(undefined, failures, this.#options.random()), failures)
    }
  }

  #reportBundle(trustDomain: string, bundle: BundleDocument): void {
    const { spiffe_sequence: sequence } = bundle
    this.#options.audit.federatedBundleChanged({ trustDomain, ...(sequence === undefined ? {} : { sequence }) })
  }
}

/** @throws FederationError as `validateEndpoint` and `parseBundleDocument` */
function parseEndpoint(trustDomain: string, { bundle, ...endpoint }: FederationChange): FederationEndpoint {
  validateEndpoint(endpoint)
  return bundle === undefined ? endpoint : { ...endpoint, bundle: parseBundleDocument(trustDomain, bundle) }
}

function notFound() {
  return new FederationError('ERR_FEDERATION_NOT_FOUND', 'no relationship with this trust domain')
}
