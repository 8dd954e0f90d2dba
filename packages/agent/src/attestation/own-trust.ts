import type { TrustDomainBundle } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'
import { parseSpiffeBundle, type SpiffeBundle } from '@countersign/protocol'

/** The bundle of the own trust domain, as known now: it decides who is the server. */
export class OwnTrust {
  readonly trustDomain: string
  readonly #log: Logger
  #bundle: SpiffeBundle | undefined
  #document: TrustDomainBundle | undefined

  constructor(trustDomain: string, log: Logger) {
    this.trustDomain = trustDomain
    this.#log = log
  }

  roots(): readonly Uint8Array[] {
    return this.#bundle?.x509Authorities ?? []
  }

  /** The bundle as it came. */
  get document(): TrustDomainBundle | undefined {
    return this.#document
  }

  get bundle(): SpiffeBundle | undefined {
    return this.#bundle
  }

  /**
   * Replaces the bundle. One without roots is not taken over: the agent could never reach its server again.
   *
   * @returns the bundle that counts now
   * @throws BundleError when the document is malformed
   */
  replace({ trustDomain, bundle }: TrustDomainBundle): SpiffeBundle {
    const parsed = parseSpiffeBundle(this.trustDomain, bundle)
    if (trustDomain !== this.trustDomain || parsed.x509Authorities.length === 0) {
      this.#log.error(
        { trustDomain, roots: parsed.x509Authorities.length },
        'bundle of the server is not usable, kept the old one',
      )
      return this.#bundle ?? parsed
    }
    this.#bundle = parsed
    this.#document = { trustDomain, bundle }
    return parsed
  }
}
