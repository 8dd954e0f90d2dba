import { readFileSync } from 'node:fs'

/**
 * Whether a process counts processes as this one does. One in a pid namespace below this one gives them other numbers; one
 * that is in none below has no pid here to ask by.
 *
 * @param pid as this process sees it
 * @returns `false` also when there is no such process
 * @see pid_namespaces(7)
 */
export function sharesPidNamespace(pid: number): boolean {
  try {
    return pid > 0 && depthOf(pid) === depthOf('self')
  } catch {
    return false
  }
}

/** In how many namespaces the process has a pid, from that of the mounted proc file system down: readable for everyone. */
function depthOf(pid: number | 'self'): number {
  return parseNamespaceDepth(readFileSync(`/proc/${pid}/status`, 'latin1'))
}

/** A kernel without pid namespaces says nothing of them. @see proc_pid_status(5) */
export function parseNamespaceDepth(status: string): number {
  return /^NSpid:((?:\t\d+)+)$/m.exec(status)?.[1]?.trim().split('\t').length ?? 1
}
