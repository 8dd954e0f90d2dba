import type { X509Anchors, X509Revocations } from '@countersign/protocol'
import type { X509SVIDResponse } from '@countersign/workload-api'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { type HeldX509Svid, readX509Svid } from './held-x509-svid.ts'
import { readAnchors, type StatedAnchors } from './read-anchors.ts'
import { readRevocations, type StatedRevocations } from './read-revocations.ts'

/** Who may vouch for the workloads of an origin. */
export interface AnchorSource {
  /** @param origin `spiffe://example.org` */
  readonly anchorsOf: (origin: string) => X509Anchors | undefined
  /** What those have revoked. */
  readonly revocationsOf?: (origin: string) => X509Revocations | undefined
}

/**
 * The X.509 side of a program's identity, as the Workload API last stated it: its own certificates, and whom to believe.
 * Each message replaces everything; nothing is merged.
 */
export class X509Source implements AnchorSource {
  readonly #runtime: Pick<WorkloadRuntime, 'now'>
  readonly #listeners = new Set<() => void>()
  #identities: readonly HeldX509Svid[] = []
  #anchors: ReadonlyMap<string, StatedAnchors> = new Map()
  #revocations: ReadonlyMap<string, StatedRevocations> = new Map()
  #version = 0
  #closed = false

  constructor(runtime: Pick<WorkloadRuntime, 'now'>) {
    this.#runtime = runtime
  }

  /**
   * Takes over a message of the Workload API as a whole, or nothing of it. After `close()` it is ignored.
   *
   * @throws SdkError `ERR_SDK_WORKLOAD_API` when it cannot be read or holds no identity; the former state then stays
   * @see SPIFFE Workload API sections 4.5 and 5.2.1
   */
  accept(message: X509SVIDResponse): void {
    if (this.#closed) return
    if (message.svids.length === 0) throw new SdkError('ERR_SDK_WORKLOAD_API', 'the agent delivered no X.509 identity')
    const identities = message.svids.map(readX509Svid)
    const anchors = readAnchors(message, this.#anchors)
    const former = this.#revocations
    this.#revocations = readRevocations(message.crl, anchors, former)
    if (!isSameMap(anchors, this.#anchors) || !isSameIdentities(identities, this.#identities)) {
      this.#replace(identities, anchors)
      // Without a new version: each connection asks anew what is revoked, and those to other peers stay as they are.
    } else if (!isSameMap(this.#revocations, former)) this.#tell()
  }

  /** The agent took everything back: this program has no identity, and trusts nobody. */
  clear(): void {
    this.#revocations = new Map()
    if (this.#identities.length > 0 || this.#anchors.size > 0) this.#replace([], new Map())
  }

  /** For good. */
  close(): void {
    this.#closed = true
    this.clear()
    this.#listeners.clear()
  }

  /** Whether a message has been accepted and not been taken back. */
  get isLoaded(): boolean {
    return this.#identities.length > 0
  }

  /**
   * The default identity.
   *
   * @throws SdkError `ERR_SDK_IDENTITY_WITHDRAWN` when the agent gives this program none
   * @throws SdkError `ERR_SDK_IDENTITY_EXPIRED` when it could not be renewed in time
   * @throws SdkError `ERR_SDK_CLOSED`
   */
  get identity(): HeldX509Svid {
    const [identity] = this.#identities
    if (this.#closed) throw new SdkError('ERR_SDK_CLOSED', 'the workload is closed')
    if (identity === undefined) {
      throw new SdkError('ERR_SDK_IDENTITY_WITHDRAWN', 'the agent has no X.509 identity for this program any more')
    }
    if (!(identity.expiresAt > this.#runtime.now())) {
      throw new SdkError('ERR_SDK_IDENTITY_EXPIRED', 'the X.509 identity of this program has expired')
    }
    return identity
  }

  /** All identities this program holds, the default one first. */
  get identities(): readonly HeldX509Svid[] {
    return this.#identities
  }

  /**
   * The roots of one origin and of no other. The same object for as long as they are the same roots.
   *
   * @param origin `spiffe://example.org`
   */
  anchorsOf = (origin: string): X509Anchors | undefined => this.#anchors.get(origin)?.anchors

  /**
   * What the authorities of one origin have revoked. The same object for as long as they say the same.
   *
   * @param origin `spiffe://example.org`
   */
  revocationsOf = (origin: string): X509Revocations | undefined => this.#revocations.get(origin)?.revocations

  /** Grows with each change of identity or trust, never otherwise. */
  get version(): number {
    return this.#version
  }

  /** @returns ends the listening */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #replace(identities: readonly HeldX509Svid[], anchors: ReadonlyMap<string, StatedAnchors>): void {
    this.#identities = identities
    this.#anchors = anchors
    this.#version += 1
    this.#tell()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

function isSameMap<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  return a.size === b.size && [...a].every(([origin, stated]) => b.get(origin) === stated)
}

function isSameIdentities(a: readonly HeldX509Svid[], b: readonly HeldX509Svid[]): boolean {
  return a.length === b.length && a.every((one, index) => isSameIdentity(one, b[index]))
}

function isSameIdentity(a: HeldX509Svid, b: HeldX509Svid | undefined): boolean {
  return (
    b !== undefined &&
    a.hint === b.hint &&
    Buffer.compare(Buffer.concat(a.chain), Buffer.concat(b.chain)) === 0 &&
    a.key.equals(b.key)
  )
}
