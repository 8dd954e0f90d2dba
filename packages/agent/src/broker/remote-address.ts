import { isIPv4, type Socket } from 'node:net'
import { descriptorOf, getPeerCredentials } from '@countersign/plugin-kit/peer-credentials'
import { sharesPidNamespace } from '../socket/pid-namespace.ts'

/** Where a connection came from. */
export interface RemoteAddress {
  /** `unix`, or an IP address. */
  readonly text: string
  /** Whether the peer is on this host, and not in a pid namespace of its own where that can be told: its process ids are ours. */
  readonly sharesPids: boolean
}

/** A peer on a Unix socket. One that ended, or that the kernel does not show, shares nothing. */
export function unixAddress(socket: Socket): RemoteAddress {
  const fd = descriptorOf(socket)
  const pid = fd === undefined ? undefined : getPeerCredentials(fd)?.pid
  return { text: 'unix', sharesPids: pid !== undefined && sharesPidNamespace(pid) }
}

/**
 * A peer that calls from the very address it called is on this host, as is one on a loopback address. A proxy on this host
 * would make others look like it: the endpoint is not for being put behind one.
 *
 * @param remote as `net.Socket.remoteAddress`
 * @param local as `net.Socket.localAddress`
 */
export function tcpAddress(remote: string, local: string | undefined): RemoteAddress {
  const text = withoutMapping(remote)
  const isLoopback = text === '::1' || (isIPv4(text) && text.startsWith('127.'))
  return { text, sharesPids: isLoopback || (local !== undefined && text === withoutMapping(local)) }
}

/** A socket that takes both families writes IPv4 addresses as IPv6. RFC 4291 section 2.5.5.2. */
function withoutMapping(address: string): string {
  const mapped = /^::ffff:(.*)$/i.exec(address)?.[1]
  return mapped !== undefined && isIPv4(mapped) ? mapped : address
}
