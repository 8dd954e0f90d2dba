import { isIP } from 'node:net'
import { WorkloadId } from '@countersign/protocol'
import { demandOf, type ExpectedPeer, lookUp, originOf, type Peer, type PeerDirectory } from './expected-peer.ts'
import { TlsError } from './tls-error.ts'

/** What one connection has to prove, with nothing left to be decided. At least one of the first two is there. */
export interface ConnectionDemand {
  readonly expected: ExpectedPeer | undefined
  /** Name that the certificate must be for. */
  readonly dnsName: string | undefined
  /** The only origin that can meet it, where that is known beforehand. */
  readonly origin: string | undefined
  /** Equal for equal demands, so that a connection is used again only for what it was verified for. */
  readonly key: string
}

export interface Access {
  /** DNS name or IP address, the latter with or without brackets. */
  readonly host: string
  readonly port: number
}

const HTTPS_PORT = 443

/**
 * Settles what the other end of a connection has to prove: what the caller says, else what the directory says of the
 * access name, else the DNS name that is called.
 *
 * @throws TlsError `ERR_TLS_NO_EXPECTATION` when that would be nothing: no workload is expected, and there is no DNS name
 *   or it is not to be looked at
 * @throws TlsError `ERR_TLS_HOST_NAME` when a DNS name is demanded and an IP address is called
 * @see draft-ietf-wimse-mutual-tls, "Server Name Validation"
 */
export function settleDemand(access: Access, peer: Peer | undefined, directory: PeerDirectory): ConnectionDemand {
  const host = bareHost(access.host)
  const { expected, hostname = expected === undefined } = demandOf(peer ?? lookUp(directory, accessName(access)) ?? {})
  const isAddress = isIP(host) !== 0
  if (expected === undefined && (isAddress || !hostname)) {
    throw new TlsError('ERR_TLS_NO_EXPECTATION', 'it is not configured which workload this connection must lead to', {
      detail: accessName(access),
    })
  }
  if (hostname && isAddress) {
    throw new TlsError('ERR_TLS_HOST_NAME', 'an IP address was called where a DNS name is demanded', {
      detail: accessName(access),
    })
  }
  const dnsName = hostname ? host.toLowerCase() : undefined
  return { expected, dnsName, origin: originOf(expected), key: `${keyOf(expected)} ${dnsName ?? ''}` }
}

export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

function accessName({ host, port }: Access): string {
  const bare = bareHost(host).toLowerCase()
  const shown = bare.includes(':') ? `[${bare}]` : bare
  return port === HTTPS_PORT ? shown : `${shown}:${port}`
}

/** Functions and matchers are the same demand only when they are the same object. */
const names = new WeakMap<object, string>()
let nextName = 1

function keyOf(expected: ExpectedPeer | undefined): string {
  if (expected === undefined) return ''
  if (expected instanceof WorkloadId) return expected.toString()
  if (Array.isArray(expected)) return (expected as readonly unknown[]).map(String).sort().join(' ')
  const name = names.get(expected) ?? `#${nextName++}`
  names.set(expected, name)
  return name
}
