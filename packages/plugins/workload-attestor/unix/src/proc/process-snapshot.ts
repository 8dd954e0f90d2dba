/** One look at a process: enough to tell later whether it is still the same process running the same program. */
import { readlink, stat } from 'node:fs/promises'
import { AttestationError, type PeerProcess, readLimited } from '@countersign/plugin-kit'
import { answerOf } from '../host-fault.ts'
import { parseCommandLine } from './command-line.ts'
import { parseProcessStat } from './process-stat.ts'
import { parseProcessStatus } from './process-status.ts'
import { decodeStrictUtf8 } from './strict-utf8.ts'

const MAX_STAT_BYTES = 4096
/** 65536 groups, the kernel's limit, are 720 KB. */
const MAX_STATUS_BYTES = 1_048_576
/** The script is among the first arguments; what follows may be megabytes. */
const MAX_COMMAND_LINE_BYTES = 262_144

/** The program a process runs. */
export interface ExecutableLink {
  /** Where `/proc/<pid>/exe` points, not yet judged; `undefined` when it is not UTF-8. */
  readonly target: string | undefined
  readonly device: bigint
  readonly inode: bigint
}

export interface ProcessSnapshot {
  readonly supplementaryGroups: readonly number[]
  readonly executable: ExecutableLink | { readonly unreadable: string }
  readonly commandLine: readonly (string | undefined)[]
  /** Equal for two snapshots exactly when nothing in them differs. */
  readonly fingerprint: string
}

/**
 * @param folder `/proc/<pid>`
 * @throws AttestationError `ERR_ATTESTATION_PROCESS_GONE` when the process has ended or another has its pid
 * @throws AttestationError `ERR_ATTESTATION_REFUSED` when it acts as another user or group than when it connected
 * @throws AttestationError `ERR_ATTESTATION_NOT_POSSIBLE` when the agent may not look at it at all
 */
export async function takeSnapshot(folder: string, peer: PeerProcess, signal: AbortSignal): Promise<ProcessSnapshot> {
  await requireSameProcess(folder, peer, signal)
  const status = parseProcessStatus(await readProcFile(`${folder}/status`, MAX_STATUS_BYTES, signal))
  if (status === undefined) throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'process status cannot be read')
  if (status.effectiveUid !== peer.uid || status.effectiveGid !== peer.gid) {
    throw new AttestationError(
      'ERR_ATTESTATION_REFUSED',
      'process acts as another user or group than when it connected',
      {
        detail: `connected as ${peer.uid}:${peer.gid}, is ${status.effectiveUid}:${status.effectiveGid}`,
      },
    )
  }
  const commandLine = await readCommandLine(folder, signal)
  const executable = await readExecutableLink(folder)
  const fingerprint = [
    status.supplementaryGroups.join(' '),
    'unreadable' in executable
      ? executable.unreadable
      : `${executable.device}:${executable.inode}:${JSON.stringify(executable.target)}`,
    JSON.stringify(commandLine),
  ].join('\n')
  return { supplementaryGroups: status.supplementaryGroups, executable, commandLine, fingerprint }
}

/** @throws AttestationError `ERR_ATTESTATION_PROCESS_GONE`, `ERR_ATTESTATION_NOT_POSSIBLE` */
export async function requireSameProcess(folder: string, peer: PeerProcess, signal: AbortSignal): Promise<void> {
  const stat = parseProcessStat(await readProcFile(`${folder}/stat`, MAX_STAT_BYTES, signal))
  // A pid says nothing once its process ended; the start time tells its next owner from it.
  const same = stat !== undefined && stat.startTime === peer.startTime && stat.state !== 'Z' && stat.state !== 'X'
  if (!same) throw processGone(`start time is ${stat?.startTime}, was ${peer.startTime}, state ${stat?.state}`)
}

export function processGone(detail: string, cause?: unknown): AttestationError {
  return new AttestationError('ERR_ATTESTATION_PROCESS_GONE', 'the process that connected is gone', { detail, cause })
}

async function readCommandLine(folder: string, signal: AbortSignal): Promise<readonly (string | undefined)[]> {
  const { bytes, truncated } = await readLimited(`${folder}/cmdline`, MAX_COMMAND_LINE_BYTES, signal).catch(
    asAttestation,
  )
  return parseCommandLine(bytes, truncated)
}

async function readProcFile(path: string, maxBytes: number, signal: AbortSignal): Promise<string> {
  const { bytes } = await readLimited(path, maxBytes, signal).catch(asAttestation)
  return bytes.toString('latin1')
}

async function readExecutableLink(folder: string): Promise<ProcessSnapshot['executable']> {
  try {
    const target = decodeStrictUtf8(await readlink(`${folder}/exe`, 'buffer'))
    const { dev, ino } = await stat(`${folder}/exe`, { bigint: true })
    return { target, device: dev, inode: ino }
  } catch (error) {
    return { unreadable: answerOf(error) }
  }
}

function asAttestation(error: unknown): never {
  const code = answerOf(error)
  if (code === 'ENOENT' || code === 'ESRCH') throw processGone(`${code} in /proc`, error)
  if (code === 'EACCES' || code === 'EPERM') {
    throw new AttestationError('ERR_ATTESTATION_NOT_POSSIBLE', 'the agent may not look at other processes in /proc', {
      detail: `${code}; is /proc mounted with hidepid?`,
      cause: error,
    })
  }
  throw error
}
