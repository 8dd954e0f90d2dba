import type { PeerProcess } from '@countersign/plugin-kit'
import { closeDescriptor, hasProcessEnded, openPidfd } from '../socket/libc.ts'
import { readProcessOwner } from '../socket/process-owner.ts'
import { readStartTime } from '../socket/process-start-time.ts'

/**
 * A process that someone else named by its pid, held so that the pid keeps meaning it: by a pidfd, and by its start time
 * where the kernel has no pidfds.
 */
export class HeldProcess {
  readonly pid: number
  readonly #startTime: string
  readonly #pidfd: number | undefined
  #held = true
  #peer: PeerProcess | undefined

  private constructor(pid: number, startTime: string, pidfd: number | undefined) {
    this.pid = pid
    this.#startTime = startTime
    this.#pidfd = pidfd
  }

  /**
   * @returns `undefined` when no process has this pid
   * @throws AgentError `ERR_AGENT_BUSY` when the agent is out of descriptors
   */
  static hold(pid: number): HeldProcess | undefined {
    const opened = openPidfd(pid)
    if (opened === 'gone') return undefined
    const pidfd = opened === 'unknown' ? undefined : opened
    const startTime = readStartTime(pid)
    // Still alive after the start time was read, so the start time is this process's.
    if (startTime !== undefined && (pidfd === undefined || !hasProcessEnded(pidfd))) {
      return new HeldProcess(pid, startTime, pidfd)
    }
    if (pidfd !== undefined) closeDescriptor(pidfd)
    return undefined
  }

  isAlive(): boolean {
    if (!this.#held) return false
    return this.#pidfd === undefined ? readStartTime(this.pid) === this.#startTime : !hasProcessEnded(this.#pidfd)
  }

  /**
   * The process as attestors know it. The same object for as long as it acts as the same user and group: a daemon that
   * gives up its rights is another program's user from then on. `undefined` when it has ended.
   */
  peer(): PeerProcess | undefined {
    const owner = readProcessOwner(this.pid)
    if (owner === undefined || !this.isAlive()) return undefined
    if (this.#peer?.uid !== owner.uid || this.#peer.gid !== owner.gid) {
      this.#peer = { pid: this.pid, ...owner, startTime: this.#startTime, isAlive: () => this.isAlive() }
    }
    return this.#peer
  }

  /** Lets go of the process. It is not alive afterwards, as far as this value can tell. */
  release(): void {
    if (!this.#held) return
    this.#held = false
    if (this.#pidfd !== undefined) closeDescriptor(this.#pidfd)
  }
}
