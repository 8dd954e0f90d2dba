/** Who is at the other end of a Unix socket, as the kernel says it. Linux only. */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { loadLibc } from './load-libc.ts'

const SOL_SOCKET = 1
const SO_PEERCRED = 17
/** Since Linux 6.5. */
const SO_PEERPIDFD = 77

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: [number]) => number

let loaded: GetSockOpt | undefined

/** On first use, so that what only imports this needs no C library. */
function getsockopt(): GetSockOpt {
  loaded ??= loadLibc().func(
    'int getsockopt(int fd, int level, int option, void *value, _Inout_ uint32_t *length)',
  ) as GetSockOpt
  return loaded
}

export interface PeerCredentials {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

/**
 * Who connected a Unix socket, at the time it connected. `undefined` when the kernel does not say.
 *
 * @throws Error where there is no C library to ask with
 */
export function getPeerCredentials(fd: number): PeerCredentials | undefined {
  const value = getSocketOption(fd, SO_PEERCRED, 12)
  if (value === undefined) return undefined
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) }
}

/**
 * Opens a descriptor of the process that connected. The caller closes it.
 *
 * `undefined` when the process has ended already, or the kernel is older than 6.5.
 */
export function openPeerPidfd(fd: number): number | undefined {
  const value = getSocketOption(fd, SO_PEERPIDFD, 4)
  return value === undefined ? undefined : value.readInt32LE(0)
}

/** The number of an open connection. Node does not document this member; `undefined` would say that it went away. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: unknown } | null }
  const fd = handle?.fd
  return typeof fd === 'number' && fd >= 0 ? fd : undefined
}

function getSocketOption(fd: number, option: number, size: number): Buffer | undefined {
  const value = Buffer.alloc(size)
  const length: [number] = [size]
  const result = getsockopt()(fd, SOL_SOCKET, option, value, length)
  return result === 0 && length[0] === size ? value : undefined
}
