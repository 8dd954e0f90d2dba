import { type PublicJwk, parseJwkSet, parseOrigin, type TokenKeyUse, TrustStore } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { SdkError } from '../sdk-error.ts'

/**
 * The keys for one kind of token of every trust domain this program may believe, kept as the Workload API last stated
 * them.
 */
export class TokenTrust {
  readonly store = new TrustStore(nodeCrypto)
  readonly #use: TokenKeyUse
  readonly #texts = new Map<string, string>()

  constructor(use: TokenKeyUse) {
    this.#use = use
  }

  /**
   * Replaces everything: a domain that is no longer named is no longer trusted. A domain whose keys did not change is
   * left alone, so that what was verified with them stays remembered.
   *
   * @param bundles JWKS texts by origin
   * @throws SdkError `ERR_SDK_WORKLOAD_API` when a bundle cannot be read or there is none; the former state then stays
   */
  replace(bundles: Readonly<Record<string, string>>): void {
    // Mandatory: whoever may know no bundle is refused instead. @see SPIFFE Workload API sections 4.5 and 7.2.2
    if (Object.keys(bundles).length === 0) {
      throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered no trust bundle')
    }
    const changed = Object.entries(bundles).filter(([origin, text]) => this.#texts.get(origin) !== text)
    const parsed = changed.map(([origin, text]) => ({ origin, text, keys: readKeys(origin, text, this.#use) }))
    for (const origin of this.#texts.keys()) {
      if (Object.hasOwn(bundles, origin)) continue
      this.#texts.delete(origin)
      this.store.delete(origin)
    }
    for (const { origin, text, keys } of parsed) {
      this.#texts.set(origin, text)
      this.store.set(origin, this.#use === 'wit-svid' ? { witKeys: keys } : { jwtKeys: keys })
    }
  }

  /** Nobody is trusted any more. */
  clear(): void {
    for (const origin of this.#texts.keys()) this.store.delete(origin)
    this.#texts.clear()
  }

  get isLoaded(): boolean {
    return this.#texts.size > 0
  }
}

function readKeys(origin: string, text: string, use: TokenKeyUse): readonly PublicJwk[] {
  try {
    parseOrigin(origin)
    return parseJwkSet(text, use)
  } catch (cause) {
    throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered a trust bundle that cannot be read', { cause })
  }
}
