import type { TaintedAuthority, TrustDomainBundle } from '@countersign/api'
import { selectTainted } from '../issuance/own-bundle.ts'
import { selectBundles } from '../store/bundle-store.ts'
import { selectCrls } from '../store/crl-store.ts'
import type { Snapshot, Store } from '../store/store.ts'

/** What is the same for all agents. Each part stays the same object for as long as it says the same. */
export interface Trust {
  /** By trust domain. */
  readonly bundles: ReadonlyMap<string, TrustDomainBundle>
  readonly tainted: readonly TaintedAuthority[]
  readonly crls: readonly string[]
}

/** Read from the store once after each change, for all agents together. */
export class SharedTrust {
  readonly #trustDomain: string
  #trust: Trust = { bundles: new Map(), tainted: [], crls: [] }
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
