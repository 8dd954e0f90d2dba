import type { BundleDocument, Federation, NewFederation, TrustDomainBundle } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode, type JsonObject } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { BundleStore } from '../store/bundle-store.ts'
import type { FederationStore } from '../store/federation-store.ts'
import { parseBundleDocument } from './bundle-document.ts'
import { FederationError } from './federation-error.ts'
import type { BundleFetcher, BundleSource } from './fetch-bundle.ts'
import { refreshDelay } from './refresh-delay.ts'
import { requireForeignTrustDomain, validateFederation } from './validate-federation.ts'

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
}

/** For one attempt as a whole. */
const TIMEOUT_MS = 10_000

interface Schedule {
  cancel: () => void
  failures: number
}

interface Attempt {
  readonly result: Promise<Federation>
  /** Aborts it: the relationship it was for has ended. */
  readonly ended: AbortController
}

/** Relationships with other trust domains: keeps their bundles fresh, each on its own, and never waits for any. */
export class Federations {
  readonly #options: FederationsOptions
  readonly #schedules = new Map<string, Schedule>()
  readonly #running = new Map<string, Attempt>()
  readonly #stopping = new AbortController()

  constructor(options: FederationsOptions) {
    this.#options = options
  }

  /** Begins to fetch the bundles of the stored relationships, soon and not all at once. */
  async start(): Promise<void> {
    for (const { trustDomain } of await this.#options.store.list()) {
      this.#scheduleIn(trustDomain, this.#options.random())
    }
  }

  /** Cancels what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const { cancel } of this.#schedules.values()) cancel()
    this.#schedules.clear()
    await Promise.allSettled([...this.#running.values()].map(({ result }) => result))
  }

  list(): Promise<Federation[]> {
    return this.#options.store.list()
  }

  /** Stores the relationship and fetches in the background. @throws FederationError as `validateFederation`, or exists */
  async create(federation: NewFederation): Promise<Federation> {
    validateFederation(federation, this.#options.trustDomain)
    const created = await this.#options.store.create(federation)
    const { trustDomain, bundleEndpointUrl } = created
    this.#options.audit.federationCreated({ trustDomain, bundleEndpointUrl })
    this.#scheduleIn(trustDomain, 0)
    return created
  }

  /** Ends the relationship and the trust in that domain. @throws FederationError `ERR_FEDERATION_NOT_FOUND` */
  async delete(trustDomain: string): Promise<void> {
    await this.#options.store.delete(trustDomain)
    this.#schedules.get(trustDomain)?.cancel()
    this.#schedules.delete(trustDomain)
    // Joined by a later relationship with the same domain, it would fetch from the wrong place and end its schedule.
    this.#running.get(trustDomain)?.ended.abort()
    this.#running.delete(trustDomain)
    this.#options.audit.federationDeleted({ trustDomain })
  }

  /** Takes a bundle from the operator. @throws FederationError for the own trust domain or an unusable document */
  async setBundle(trustDomain: string, document: unknown): Promise<TrustDomainBundle> {
    requireForeignTrustDomain(trustDomain, this.#options.trustDomain)
    const bundle = parseBundleDocument(trustDomain, document)
    if (await this.#options.bundles.put(trustDomain, bundle)) this.#reportBundle(trustDomain, bundle)
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
    const { store, clock, log } = this.#options
    const { bundleEndpointUrl: url, webRoots } = await this.#require(trustDomain)
    let isFailed = false
    try {
      const document = await this.#fetchInTime({ url, webRoots }, ended)
      const bundle = parseBundleDocument(trustDomain, document)
      if (ended.aborted) throw notFound()
      if (await store.recordFetched(trustDomain, url, bundle)) this.#reportBundle(trustDomain, bundle)
    } catch (error) {
      if (ended.aborted) throw notFound()
      const code = errorCode(error)
      if (code === undefined || code === 'ERR_FEDERATION_NOT_FOUND') throw error
      if (this.#stopping.signal.aborted) return this.#require(trustDomain)
      isFailed = true
      const { message, detail } = error as FederationError
      log.warn({ trustDomain, code, detail }, 'bundle of a federated trust domain was not refreshed')
      await store.recordFailure(trustDomain, url, { code, message }, clock.now())
    }
    const hint = (await this.#options.bundles.get(trustDomain))?.bundle.spiffe_refresh_hint
    if (ended.aborted) throw notFound()
    const failures = isFailed ? (this.#schedules.get(trustDomain)?.failures ?? 0) + 1 : 0
    this.#scheduleIn(trustDomain, refreshDelay(hint, failures, this.#options.random()), failures)
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
    return federation
  }

  #scheduleIn(trustDomain: string, seconds: number, failures = 0): void {
    this.#schedules.get(trustDomain)?.cancel()
    if (this.#stopping.signal.aborted) return
    const cancel = this.#options.clock.schedule(seconds * 1000, () => void this.#refreshInBackground(trustDomain))
    this.#schedules.set(trustDomain, { cancel, failures })
  }

  /** A relationship that was ended meanwhile is simply not scheduled again; anything else must not end the loop. */
  async #refreshInBackground(trustDomain: string): Promise<void> {
    try {
      await this.refresh(trustDomain)
    } catch (error) {
      if (errorCode(error) === 'ERR_FEDERATION_NOT_FOUND' || this.#stopping.signal.aborted) return
      this.#options.log.error({ trustDomain, code: errorCode(error), err: error }, 'refreshing a bundle failed')
      const failures = (this.#schedules.get(trustDomain)?.failures ?? 0) + 1
      this.#scheduleIn(trustDomain, refreshDelay(undefined, failures, this.#options.random()), failures)
    }
  }

  #reportBundle(trustDomain: string, bundle: BundleDocument): void {
    const { spiffe_sequence: sequence } = bundle
    this.#options.audit.federatedBundleChanged({ trustDomain, ...(sequence === undefined ? {} : { sequence }) })
  }
}

function notFound() {
  return new FederationError('ERR_FEDERATION_NOT_FOUND', 'no relationship with this trust domain')
}
