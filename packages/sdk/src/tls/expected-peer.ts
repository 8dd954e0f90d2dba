import { IdentifierMatcher, WorkloadId } from '@countersign/protocol'

/** Whom a connection must lead to: one workload, one of several, or whoever a function says `true` to. */
export type ExpectedPeer = WorkloadId | readonly WorkloadId[] | IdentifierMatcher | ((id: WorkloadId) => boolean)

/** What the other end of a connection has to prove, besides being a workload of a trusted domain. */
export interface PeerDemand {
  readonly expected?: ExpectedPeer
  /**
   * Whether the certificate must also be for the DNS name that was called. Default: only when no `expected` is given.
   */
  readonly hostname?: boolean
}

/** The two ways to write it. */
export type Peer = ExpectedPeer | PeerDemand

/**
 * Which workload is behind which address, by access name: host, and port unless it is 443, as a URL writes them
 * (`orders.example`, `10.0.0.7:8443`, `[::1]:8443`).
 */
export type PeerDirectory = Readonly<Record<string, Peer>> | ((accessName: string) => Peer | undefined)

export function isExpected(expected: ExpectedPeer, id: WorkloadId): boolean {
  if (expected instanceof WorkloadId) return expected.equals(id)
  if (expected instanceof IdentifierMatcher) return expected.matches(id)
  // Only `true` is a yes: a promise would be truthy.
  if (typeof expected === 'function') return expected(id) === true
  return expected.some((each) => each.equals(id))
}

/** The one origin that every expected workload is of, `undefined` when it cannot be told or there are several. */
export function originOf(expected: ExpectedPeer | undefined): string | undefined {
  if (expected instanceof WorkloadId) return expected.origin
  if (!Array.isArray(expected)) return undefined
  const origins = new Set((expected as readonly WorkloadId[]).map(({ origin }) => origin))
  return origins.size === 1 ? [...origins][0] : undefined
}

export function demandOf(peer: Peer): PeerDemand {
  const isExpectation =
    typeof peer === 'function' || peer instanceof WorkloadId || peer instanceof IdentifierMatcher || Array.isArray(peer)
  return isExpectation ? { expected: peer as ExpectedPeer } : (peer as PeerDemand)
}

export function lookUp(directory: PeerDirectory, accessName: string): Peer | undefined {
  if (typeof directory === 'function') return directory(accessName)
  return Object.hasOwn(directory, accessName) ? directory[accessName] : undefined
}
