import { type PeerProcess, readLimited } from '@countersign/plugin-kit'
import { OperatorError } from '../operator/operator-error.ts'
import { sharesPidNamespace } from '../socket/pid-namespace.ts'
import { readStartTime } from '../socket/process-start-time.ts'
import { readProgramPath } from './explain-no-identity.ts'

/** A process that somebody asks about, as it would be seen if it connected. */
export interface RunningProcess {
  readonly peer: PeerProcess
  readonly program: string | undefined
  /** Its pid in each pid namespace, the agent's first, when it is in one of its own. */
  readonly namespacePids: readonly number[] | undefined
}

/** 65536 groups, the kernel's limit, are 720 KB. */
const MAX_STATUS_BYTES = 1_048_576
/** Position of the effective id in `real effective saved filesystem`: the one the kernel names of a peer. */
const EFFECTIVE = 1

/**
 * Looks a process up by its pid. The start time is read before and after, as for a process that connects.
 *
 * @throws OperatorError `ERR_OPERATOR_NO_PROCESS`, `ERR_OPERATOR_PROCESS_GONE`, `ERR_OPERATOR_THREAD`
 */
export async function findProcess(pid: number, readStart = readStartTime): Promise<RunningProcess> {
  const startTime = readStart(pid)
  if (startTime === undefined) {
    throw new OperatorError('ERR_OPERATOR_NO_PROCESS', `agent sees no running process ${pid}`)
  }
  const gone = () => new OperatorError('ERR_OPERATOR_PROCESS_GONE', `process ${pid} ended while it was looked at`)
  const status = await readLimited(`/proc/${pid}/status`, MAX_STATUS_BYTES).catch(() => {
    throw gone()
  })
  const text = status.bytes.toString('latin1')
  const [leader] = numbersOf(text, 'Tgid')
  if (leader !== undefined && leader !== pid) {
    throw new OperatorError('ERR_OPERATOR_THREAD', `${pid} is a thread of process ${leader}: ask about that one`)
  }
  const uid = numbersOf(text, 'Uid')[EFFECTIVE]
  const gid = numbersOf(text, 'Gid')[EFFECTIVE]
  const isAlive = () => readStart(pid) === startTime
  if (uid === undefined || gid === undefined || !isAlive()) throw gone()
  const peer = { pid, uid, gid, startTime, isAlive }
  const namespacePids = numbersOf(text, 'NSpid')
  return { peer, program: readProgramPath(peer), namespacePids: namespacePids.length > 1 ? namespacePids : undefined }
}

/**
 * A pid means another process, or none, in another pid namespace: who asks from there must not get an answer about it.
 *
 * @throws OperatorError `ERR_OPERATOR_PID_NAMESPACE`
 */
export function rejectOtherPidNamespace(asker: PeerProcess, isShared = sharesPidNamespace): void {
  if (isShared(asker.pid)) return
  throw new OperatorError(
    'ERR_OPERATOR_PID_NAMESPACE',
    'this command runs in another pid namespace than the agent, where process ids mean other processes',
  )
}

/** The kernel escapes line breaks in names, so no line can be forged. */
function numbersOf(status: string, name: string): number[] {
  const values = new RegExp(`^${name}:([\\t 0-9]*)$`, 'm').exec(status)?.[1]
  return values?.match(/[0-9]+/g)?.map(Number) ?? []
}
