import type { Selector } from './selector.ts'

/** What the kernel said about the other end of a Unix socket when it connected. */
export interface PeerProcess {
  /** As seen from the agent's pid namespace. */
  readonly pid: number
  readonly uid: number
  readonly gid: number
  /** Start time of the process in clock ticks since boot (`/proc/<pid>/stat` field 22), read at accept. */
  readonly startTime: string
  /** False once the process that connected has ended, even if its pid lives on in another. */
  isAlive(): boolean
}

/** Finds out what a program is. Several attestors may add selectors for one process. */
export interface WorkloadAttestor {
  /**
   * @returns selectors, all of the attestor's own type
   * @throws AttestationError `ERR_ATTESTATION_PROCESS_GONE` when the process ended or its pid changed hands
   * @throws AttestationError `ERR_ATTESTATION_REFUSED` when it is no longer what it was when it connected
   * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the agent may not look at it at all
   * @throws `signal.reason` once the signal aborts
   */
  attest(peer: PeerProcess, signal: AbortSignal): Promise<readonly Selector[]>
}
