/** The system calls, and one call of the C library, that Node has no name for. Linux only. */
import { Buffer } from 'node:buffer'
import { loadLibc } from '@countersign/plugin-kit/peer-credentials'
import koffi from 'koffi'
import { AgentError } from '../agent-error.ts'

const POLLIN = 1
/** Since Linux 5.3; the same number on every architecture that Node runs on. */
const SYS_PIDFD_OPEN = 434
const ESRCH = 3
const EINTR = 4
/** Also EWOULDBLOCK. */
const EAGAIN = 11
const EINVAL = 22
const EMFILE = 24
const ENFILE = 23
const LOCK_EX = 2
const LOCK_NB = 4
/** In a row, of a call that takes a microsecond. */
const MAX_INTERRUPTIONS = 1000

type Poll = (entries: Buffer, count: number, timeoutMs: number) => number
type Close = (fd: number) => number
type Syscall = (number: number, pid: number, flags: number) => number
type Flock = (fd: number, operation: number) => number
type MallocTrim = (pad: number) => number

interface Libc {
  readonly poll: Poll
  readonly close: Close
  readonly syscall: Syscall
  readonly flock: Flock
  /** Of glibc, not of musl. */
  readonly mallocTrim: MallocTrim | undefined
}

let loaded: Libc | undefined

/** On first use, so that what only imports this package needs no C library. */
function libc(): Libc {
  if (loaded !== undefined) return loaded
  const library = loadLibc()
  loaded = {
    poll: library.func('int poll(void *entries, unsigned long count, int timeout)') as Poll,
    close: library.func('int close(int fd)') as Close,
    syscall: library.func('long syscall(long number, int pid, unsigned int flags)') as Syscall,
    flock: library.func('int flock(int fd, int operation)') as Flock,
    mallocTrim: optional(() => library.func('int malloc_trim(size_t pad)') as MallocTrim),
  }
  return loaded
}

function optional<T>(find: () => T): T | undefined {
  try {
    return find()
  } catch {
    return undefined
  }
}

/**
 * Opens a descriptor of the process that has a pid now. The caller closes it.
 *
 * @returns `gone` when no process has it, as when it is that of a thread; `unknown` where the kernel has no pidfds
 * @throws AgentError `ERR_AGENT_BUSY` when the agent is out of descriptors
 */
export function openPidfd(pid: number): number | 'gone' | 'unknown' {
  const fd = libc().syscall(SYS_PIDFD_OPEN, pid, 0)
  if (fd >= 0) return fd
  const error = koffi.errno()
  if (error === ESRCH || error === EINVAL) return 'gone'
  if (error === EMFILE || error === ENFILE) {
    throw new AgentError('ERR_AGENT_BUSY', 'too many processes are looked at', { detail: 'out of file descriptors' })
  }
  return 'unknown'
}

/** True once the process behind a pidfd has ended, also while its parent has not yet asked how. */
export function hasProcessEnded(pidfd: number): boolean {
  const entry = Buffer.alloc(8)
  entry.writeInt32LE(pidfd, 0)
  entry.writeInt16LE(POLLIN, 4)
  for (let attempt = 0; attempt < MAX_INTERRUPTIONS; attempt++) {
    const ready = libc().poll(entry, 1, 0)
    if (ready === 0) return false
    // A signal to this program says nothing about the other one, which would seem to have ended.
    if (ready > 0 || koffi.errno() !== EINTR) break
  }
  // Anything but "nothing to report" counts as ended: a check that cannot be made must not pass.
  return true
}

export function closeDescriptor(fd: number): void {
  libc().close(fd)
}

/**
 * Locks an open file for as long as its descriptor is open; the kernel lets go of it however the process ends.
 *
 * @returns `held` when somebody else has it; `unable` where the file system has no locks
 */
export function lockFile(fd: number): 'locked' | 'held' | 'unable' {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return 'locked'
  return koffi.errno() === EAGAIN ? 'held' : 'unable'
}

/** Has the C library return what it keeps of freed memory. Takes about a millisecond. @see malloc_trim(3) */
export function giveBackFreeMemory(): void {
  libc().mallocTrim?.(0)
}
