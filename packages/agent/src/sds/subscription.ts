import { invalidArgument } from '../workload-api/rpc-error.ts'

/** What a stream wants at one moment. Replaced when that changes. */
export interface WantedSecrets {
  readonly names: ReadonlySet<string>
  /** Everything the program has, under its own names. */
  readonly wildcard: boolean
}

/** The explicit wildcard. */
const WILDCARD = '*'
const MAX_NAMES = 1000
/** The longest SPIFFE ID. */
const MAX_NAME_BYTES = 2048

/**
 * What one stream has asked for, and which versions its client has been sent.
 *
 * A stream that never named anything wants everything; once it has named something, naming nothing means nothing.
 *
 * @see xDS protocol, "How the client specifies what resources to return"
 */
export class Subscription {
  /** Version by name; `null`: the client was told that there is no such secret. */
  readonly known = new Map<string, string | null>()
  #wanted: WantedSecrets = { names: new Set(), wildcard: false }
  #everNamed = false

  get wanted(): WantedSecrets {
    return this.#wanted
  }

  get isEmpty(): boolean {
    return this.#wanted.names.size === 0 && !this.#wanted.wildcard
  }

  /**
   * State of the world: these names in place of those before.
   *
   * @returns whether something has changed; what is new counts as never sent
   * @throws RpcError INVALID_ARGUMENT for more than 1000 names, or one that is too long
   */
  replace(requested: readonly string[]): boolean {
    const names = new Set(requested)
    checkNames(names)
    const wildcard = names.delete(WILDCARD) || (requested.length === 0 && !this.#everNamed)
    if (requested.length > 0) this.#everNamed = true
    const before = this.#wanted
    const changed =
      wildcard !== before.wildcard ||
      names.size !== before.names.size ||
      [...names].some((name) => !before.names.has(name))
    for (const name of before.names) if (!names.has(name)) this.known.delete(name)
    for (const name of names) if (!before.names.has(name)) this.known.delete(name)
    if (wildcard !== before.wildcard) this.#forgetUnnamed(names)
    if (changed) this.#wanted = { names, wildcard }
    return changed
  }

  /**
   * Incremental. What is subscribed to once more is sent once more: the client may have forgotten it.
   *
   * @throws RpcError INVALID_ARGUMENT for more than 1000 names, or one that is too long
   * @see xDS protocol, "Subscribing to Resources" and "Unsubscribing from Resources"
   */
  change(subscribe: readonly string[], unsubscribe: readonly string[]): boolean {
    const before = this.#wanted
    const names = new Set([...before.names, ...subscribe])
    checkNames(names)
    for (const name of unsubscribe) names.delete(name)
    const unsubscribesAll = unsubscribe.includes(WILDCARD)
    const namesNothing = subscribe.length === 0 && unsubscribe.length === 0
    const wildcard =
      !unsubscribesAll && (names.delete(WILDCARD) || before.wildcard || (namesNothing && !this.#everNamed))
    if (!namesNothing) this.#everNamed = true
    if (before.wildcard && !wildcard) this.#forgetUnnamed(names)
    for (const name of unsubscribe) {
      // The client cannot know whether the wildcard still covers it, and has to be told.
      if (wildcard && this.known.has(name)) this.known.set(name, '')
      else this.known.delete(name)
    }
    for (const name of subscribe) this.known.delete(name)
    const changed = !namesNothing || wildcard !== before.wildcard
    if (changed) this.#wanted = { names, wildcard }
    return changed
  }

  /** What a client says it has from an earlier stream. Call after {@link change}. */
  assumeKnown(versions: Readonly<Record<string, string>>): void {
    checkNames(new Set(Object.keys(versions)))
    for (const [name, version] of Object.entries(versions)) {
      if (this.#wanted.names.has(name) || this.#wanted.wildcard) this.known.set(name, version)
    }
  }

  #forgetUnnamed(names: ReadonlySet<string>): void {
    for (const name of this.known.keys()) if (!names.has(name)) this.known.delete(name)
  }
}

function checkNames(names: ReadonlySet<string>): void {
  if (names.size > MAX_NAMES) throw invalidArgument(`more than ${MAX_NAMES} resource names`)
  for (const name of names) {
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw invalidArgument('a resource name is too long')
  }
}
