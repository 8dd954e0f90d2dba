import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { AgentError } from '../agent-error.ts'
import { lockFile } from '../socket/libc.ts'

const LOCK_FILE = 'agent.lock'

/**
 * Takes the state folder for this process. Two agents in one would overwrite each other's identity and credentials.
 *
 * The kernel holds the lock, so nobody has to clean up after a crash. What the file says is for people; it is never
 * removed, since whoever has it open would then lock a file that nobody else finds.
 *
 * @returns lets go of the folder
 * @throws AgentError `ERR_AGENT_STATE_LOCKED` when another process has it
 * @throws AgentError `ERR_AGENT_STATE_FOLDER` when it cannot be written or its file system has no locks
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, LOCK_FILE)
  const fd = openLockFile(path)
  const lock = lockFile(fd)
  if (lock !== 'locked') {
    const owner = readOwner(path)
    closeSync(fd)
    if (lock === 'unable') throw unusable(`${path} cannot be locked`)
    throw new AgentError('ERR_AGENT_STATE_LOCKED', 'another agent uses this state folder', {
      detail: `${folder}${owner === undefined ? '' : ` is in use by process ${owner}`}`,
    })
  }
  try {
    ftruncateSync(fd)
    writeSync(fd, `${process.pid}\n`)
  } catch {
    // A full disk: the lock holds all the same.
  }
  let isHeld = true
  return () => {
    // Closed twice, the number may be that of another file.
    if (isHeld) closeSync(fd)
    isHeld = false
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    throw unusable(`${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

function readOwner(path: string): string | undefined {
  try {
    return /^[0-9]{1,10}$/.exec(readFileSync(path, 'utf8').trim())?.[0]
  } catch {
    return undefined
  }
}

function unusable(detail: string): AgentError {
  return new AgentError('ERR_AGENT_STATE_FOLDER', 'state folder cannot be used', { detail })
}
