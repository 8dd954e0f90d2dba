/** What `/proc/<pid>/stat` says that tells one process from a later one with the same pid. */
export interface ProcessStat {
  /** One letter: `R` running, `S` sleeping, `Z` ended but not collected, … */
  readonly state: string
  /** Clock ticks since boot, decimal. */
  readonly startTime: string
}

const STATE_FIELD = 3
const START_TIME_FIELD = 22

/**
 * @param text the file as Latin-1: the process chooses the bytes of its own name
 * @returns `undefined` when the text is not a stat line
 * @see proc_pid_stat(5)
 */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // Field 2 is the name in parentheses, and a process may be called "x) S 1 (": only the last ")" ends it.
  const nameEnd = text.lastIndexOf(')')
  if (nameEnd < 0) return undefined
  const fields = text
    .slice(nameEnd + 2)
    .trimEnd()
    .split(' ')
  const state = fields[0]
  const startTime = fields[START_TIME_FIELD - STATE_FIELD]
  if (state === undefined || !/^[A-Za-z]$/.test(state)) return undefined
  if (startTime === undefined || !/^[0-9]{1,20}$/.test(startTime)) return undefined
  return { state, startTime }
}
