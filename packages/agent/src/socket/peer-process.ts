import type { Socket } from 'node:net'
import type { PeerProcess } from '@countersign/plugin-kit'
import { descriptorOf, getPeerCredentials, openPeerPidfd } from '@countersign/plugin-kit/peer-credentials'
import { closeDescriptor, hasProcessEnded } from './libc.ts'
import { readStartTime } from './process-start-time.ts'

/** The process at the other end of a connection, and the handle that keeps its pid from meaning another one. */
export interface HeldPeer {
  readonly process: PeerProcess
  /** Lets go of the process. It is not alive afterwards, as far as this value can tell. */
  release(): void
}

export interface PeerOptions {
  /** Whether the kernel gives a pidfd for a connection. Where it does, a peer without one has ended. */
  readonly pidfd: boolean
}

/**
 * Asks the kernel who connected. Call before the first byte is read: what the peer sends must not decide who it is.
 *
 * The credentials are those of the moment of connecting. The pidfd names that same process, so a pid that was handed on
 * since then is noticed; without pidfd, the time between connecting and this call remains.
 *
 * @returns `undefined` when the process has ended, is not visible from here or cannot be told apart from a later one
 */
export function holdPeerProcess(socket: Socket, options: PeerOptions): HeldPeer | undefined {
  const fd = descriptorOf(socket)
  if (fd === undefined) return undefined
  const credentials = getPeerCredentials(fd)
  // pid 0: the peer lives in a pid namespace that this one does not contain.
  if (credentials === undefined || credentials.pid <= 0) return undefined
  const pidfd = options.pidfd ? openPeerPidfd(fd) : undefined
  if (options.pidfd && pidfd === undefined) return undefined
  const startTime = readStartTime(credentials.pid)
  // Still alive after the start time was read, so the start time is this process's.
  if (startTime === undefined || (pidfd !== undefined && hasProcessEnded(pidfd))) {
    if (pidfd !== undefined) closeDescriptor(pidfd)
    return undefined
  }
  let held = true
  return {
    process: {
      ...credentials,
      startTime,
      isAlive: () =>
        held && (pidfd === undefined ? readStartTime(credentials.pid) === startTime : !hasProcessEnded(pidfd)),
    },
    release() {
      if (!held) return
      held = false
      if (pidfd !== undefined) closeDescriptor(pidfd)
    },
  }
}

/** Whether this kernel gives a pidfd for a connection. `socket` must be connected to a process that is alive. */
export function supportsPeerPidfd(socket: Socket): boolean {
  const fd = descriptorOf(socket)
  const pidfd = fd === undefined ? undefined : openPeerPidfd(fd)
  if (pidfd !== undefined) closeDescriptor(pidfd)
  return pidfd !== undefined
}
