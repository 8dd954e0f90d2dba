import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Finding } from '@countersign/api'
import { errorCode } from '@countersign/protocol'
import type { ServerConfig } from '../config/server-config.ts'
import { examineFolder } from './examine-folder.ts'
import { ok, problem, RESTORE, warning } from './examine-state.ts'
import { examineStopped } from './examine-stopped.ts'

export interface ExamineOptions {
  readonly now: number
  /** Asks the running server about its own data, over its admin socket. */
  readonly askRunning: () => Promise<readonly Finding[]>
}

/** Everything about one server that can be found out on its host, whether it runs or not. Changes nothing. */
export async function examineServer(config: ServerConfig, options: ExamineOptions): Promise<Finding[]> {
  const findings = [ok('configuration', 'valid'), ...(await examineFolder(config.dataDir))]
  return [...findings, ...(await examineSocket(config.admin.socket)), ...(await examineData(config, options))]
}

async function examineSocket(path: string): Promise<Finding[]> {
  const length = Buffer.byteLength(path)
  // The kernel takes 107 bytes; it is bound under a longer name first.
  const findings = [ok('admin socket', `path has ${length} of 107 bytes`)]
  const names = await readdir(dirname(path)).catch(() => [])
  const remains = names.filter((name) => /^\.s[A-Za-z0-9]{6}$/.test(name))
  if (remains.length > 0) {
    findings.push(warning('admin socket', `left by a crash: ${remains.join(', ')}`, `delete them in ${dirname(path)}`))
  }
  return findings
}

async function examineData(config: ServerConfig, { now, askRunning }: ExamineOptions): Promise<Finding[]> {
  try {
    const findings = await examineStopped(config, now)
    const socket = config.admin.socket
    return [ok('server', existsSync(socket) ? 'stopped; its socket is left and harmless' : 'stopped'), ...findings]
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ERR_STORE_LOCKED') return examineLocked(askRunning)
    if (code === 'ERR_STORE_CORRUPT') {
      return [
        problem('store', 'file is no store, or is damaged beyond reading', `restore the newest backup: ${RESTORE}`),
      ]
    }
    const message = error instanceof Error ? error.message : 'cannot be read'
    return [
      problem(
        'store and keys',
        `${message} (${code ?? 'unknown reason'})`,
        'set right what the message says, and look again',
      ),
    ]
  }
}

async function examineLocked(askRunning: ExamineOptions['askRunning']): Promise<Finding[]> {
  try {
    return [ok('server', 'runs'), ...(await askRunning())]
  } catch (error) {
    const next = 'look at the log of the server; if none runs, find the process with: fuser server.db'
    const reason = errorCode(error) ?? 'unknown reason'
    return [problem('server', `a process uses the store, and the admin socket does not answer (${reason})`, next)]
  }
}
