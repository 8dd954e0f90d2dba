import { readFileSync } from 'node:fs'

/**
 * When a process started, in clock ticks since boot: field 22 of `/proc/<pid>/stat`. With the pid it names one process
 * for as long as the host is up. `undefined` when there is no such process, or it ended and waits for its parent.
 *
 * @see proc_pid_stat(5)
 */
export function readStartTime(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    return parseStartTime(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** A process may put anything into its name (field 2), so fields are counted from the last closing parenthesis. */
export function parseStartTime(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTime = fields[19]
  if (state === undefined || state === 'Z' || state === 'X') return undefined
  return startTime !== undefined && /^[0-9]+$/.test(startTime) ? startTime : undefined
}
