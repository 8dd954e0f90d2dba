import { readFileSync } from 'node:fs'

export interface ProcessOwner {
  readonly uid: number
  readonly gid: number
}

/** Whom a process acts as now: its effective user and group. `undefined` when there is no such process. */
export function readProcessOwner(pid: number): ProcessOwner | undefined {
  try {
    return parseProcessOwner(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return undefined
  }
}

/** Lines of `real effective saved filesystem`. A process cannot put a line break into its name. @see proc_pid_status(5) */
export function parseProcessOwner(status: string): ProcessOwner | undefined {
  const uid = /^Uid:\t\d+\t(\d+)\t/m.exec(status)?.[1]
  const gid = /^Gid:\t\d+\t(\d+)\t/m.exec(status)?.[1]
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
