import type { TaintedAuthority, TrustDomainBundle } from '@countersign/api'
import { encodeBase64 } from '@countersign/protocol'
import { selectTainted } from '../issuance/own-bundle.ts'
import { selectAuthorities } from '../store/authority-store.ts'
import { selectBundles } from '../store/bundle-store.ts'
import { selectCrls } from '../store/crl-store.ts'
import type { Snapshot, Store } from '../store/store.ts'

/** What is the same for all agents. Each part stays the same object for as long as it says the same. */
export interface Trust {
  /** By trust domain. */
  readonly bundles: ReadonlyMap<string, TrustDomainBundle>
  readonly tainted: readonly TaintedAuthority[]
  readonly crls: readonly string[]
  /** Authorities that are no roots, and what is above them. Base64 DER. */
  readonly intermediates: readonly string[]
}

/** Read from the store once after each change, for all agents together. */
export class SharedTrust {
  readonly #trustDomain: string
  #trust: Trust = { bundles: new Map(), tainted: [], crls: [], intermediates: [] }
  #isOutdated = true
  readonly #texts = new WeakMap<object, string>()

  constructor(store: Store, trustDomain: string) {
    this.#trustDomain = trustDomain
    store.feed.subscribe(({ kind }) => {
      if (/^(?:bundle|authority|crl)\./.test(kind)) this.#isOutdated = true
    })
  }

  async read(snapshot: Snapshot): Promise<Trust> {
    if (!this.#isOutdated) return this.#trust
    const before = this.#trust
    const bundles = await selectBundles(snapshot)
    this.#trust = {
      bundles: new Map(
        bundles.map((each) => [each.trustDomain, this.#keep(before.bundles.get(each.trustDomain), each)] as const),
      ),
      tainted: this.#keep(before.tainted, await selectTainted(snapshot, this.#trustDomain)),
      crls: this.#keep(before.crls, await selectCrls(snapshot)),
      intermediates: this.#keep(before.intermediates, await selectIntermediates(snapshot)),
    }
    // No writer comes between the reading and this: see `EntryDirectory`.
    this.#isOutdated = false
    return this.#trust
  }

  /** As JSON, written once for all agents. */
  textOf(part: object): string {
    const known = this.#texts.get(part)
    if (known !== undefined) return known
    const text = JSON.stringify(part)
    this.#texts.set(part, text)
    return text
  }

  #keep<Part extends object>(before: Part | undefined, now: Part): Part {
    return before !== undefined && this.textOf(before) === this.textOf(now) ? before : now
  }
}

/** Without them nobody could tell that a revocation list is by a CA of this trust domain. */
async function selectIntermediates(snapshot: Snapshot): Promise<string[]> {
  const authorities = await selectAuthorities(snapshot)
  const all = authorities.flatMap(({ certificate, upstream }) =>
    certificate === undefined || upstream === undefined ? [] : [certificate, ...upstream.chain],
  )
  return [...new Set(all.map(encodeBase64))]
}
