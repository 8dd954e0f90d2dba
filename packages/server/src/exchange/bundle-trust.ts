import type { Clock, Logger } from '@countersign/plugin-kit'
import { type CryptoBackend, errorCode, parseSpiffeBundle, TrustStore } from '@countersign/protocol'
import type { BundleStore } from '../store/bundle-store.ts'
import type { Store } from '../store/store.ts'

export interface BundleTrustParts {
  readonly store: Store
  readonly bundles: BundleStore
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
}

const RETRY_MS = 5_000

/** Keys of the own trust domain and of those that are federated with, as the stored bundles have them. */
export class BundleTrust {
  readonly trust: TrustStore
  readonly #parts: BundleTrustParts
  readonly #texts = new Map<string, string>()
  #running: Promise<void> = Promise.resolve()
  #unsubscribe: () => void = () => {}
  #cancelRetry: () => void = () => {}
  #isStopped = false

  constructor(parts: BundleTrustParts) {
    this.#parts = parts
    this.trust = new TrustStore(parts.crypto)
  }

  async start(): Promise<void> {
    const follow = ({ kind }: { readonly kind: string }) => {
      if (kind === 'bundle.updated' || kind === 'bundle.deleted') void this.#reload()
    }
    this.#unsubscribe = this.#parts.store.feed.subscribe(follow)
    await this.#reload()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unsubscribe()
    this.#cancelRetry()
    await this.#running
  }

  /** One after the other: an older view must not replace a newer one. */
  #reload(): Promise<void> {
    this.#running = this.#running.then(() => this.#load())
    return this.#running
  }

  async #load(): Promise<void> {
    const { bundles, clock, log } = this.#parts
    this.#cancelRetry()
    try {
      const present = new Map((await bundles.list()).map(({ trustDomain, bundle }) => [trustDomain, bundle]))
      for (const trustDomain of [...this.#texts.keys()]) {
        if (!present.has(trustDomain)) this.#forget(trustDomain)
      }
      for (const [trustDomain, bundle] of present) this.#replace(trustDomain, JSON.stringify(bundle))
    } catch (error) {
      // Whatever cannot be read is trusted no more: an old bundle may hold a key that was revoked.
      for (const trustDomain of [...this.#texts.keys()]) this.#forget(trustDomain)
      log.error({ code: errorCode(error), err: error }, 'bundles cannot be read')
      // The next change of a bundle may be hours away, and until then nobody would be believed.
      if (!this.#isStopped) this.#cancelRetry = clock.schedule(RETRY_MS, () => void this.#reload())
    }
  }

  #replace(trustDomain: string, text: string): void {
    if (this.#texts.get(trustDomain) === text) return
    try {
      this.trust.setBundle(parseSpiffeBundle(trustDomain, JSON.parse(text)))
      this.#texts.set(trustDomain, text)
    } catch (error) {
      if (errorCode(error) === undefined) throw error
      this.#forget(trustDomain)
      this.#parts.log.error({ trustDomain, code: errorCode(error) }, 'bundle cannot be used')
    }
  }

  #forget(trustDomain: string): void {
    this.trust.delete(`spiffe://${trustDomain}`)
    this.#texts.delete(trustDomain)
  }
}
