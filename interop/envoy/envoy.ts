import type { ChildProcess } from 'node:child_process'
import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { hasExited, type Processes } from '../support/processes.ts'
import { ENVOY } from './envoy-binary.ts'

const PATIENCE_MS = 30_000
const POLL_MS = 100
const CALL_TIMEOUT_MS = 5_000

/** One Envoy that runs. */
export interface Envoy {
  /** Asks its admin port. */
  readonly admin: (path: string) => Promise<string>
  /** What all counters and gauges with names of this pattern come to. */
  readonly stat: (pattern: string) => Promise<number>
  /** Serial number of the certificate it uses now. */
  readonly serial: () => Promise<string | undefined>
  readonly log: () => Promise<string>
  /** Until it has been up and, as far as its configuration waits for that, has its secrets. */
  readonly untilLive: () => Promise<void>
}

/** The binary under a path of its own: the agent tells Envoys of one user apart by that. */
export async function envoyAt(folder: string, name: string): Promise<string> {
  const home = join(folder, `envoy-${name}`)
  const path = join(home, 'envoy')
  await mkdir(home)
  // Another file system has no link to it.
  await link(ENVOY, path).catch(() => copyFile(ENVOY, path))
  return path
}

/** @param id for the names of its files, unique in the folder */
export async function startEnvoy(
  processes: Processes,
  folder: string,
  options: { readonly id: string; readonly binary: string; readonly config: string; readonly adminPort: number },
): Promise<Envoy> {
  const { id, binary, config, adminPort } = options
  const configFile = join(folder, `${id}.yaml`)
  const logFile = join(folder, `${id}.log`)
  await writeFile(configFile, config)
  const args = ['-c', configFile, '--disable-hot-restart', '--concurrency', '1', '-l', 'warn']
  const child = processes.start(binary, args, { logFile })
  const admin = (path: string) => get(adminPort, path)
  // Made when the program first prints something.
  const log = () => readFile(logFile, 'utf8').catch(() => '')
  return {
    admin,
    log,
    async stat(pattern) {
      const lines = (await admin(`/stats?filter=${encodeURIComponent(pattern)}`)).trim().split('\n')
      return lines.reduce((sum, line) => sum + (Number(line.split(': ')[1]) || 0), 0)
    },
    async serial() {
      const { certificates } = JSON.parse(await admin('/certs')) as Certificates
      return certificates?.flatMap(({ cert_chain = [] }) => cert_chain)[0]?.serial_number
    },
    async untilLive() {
      await untilLive(child, admin).catch(async (error: Error) => {
        throw new Error(`${id}: ${error.message}\n${(await log()).slice(-2000)}`, { cause: error })
      })
    },
  }
}

interface Certificates {
  readonly certificates?: readonly { readonly cert_chain?: readonly { readonly serial_number?: string }[] }[]
}

async function untilLive(child: ChildProcess, admin: (path: string) => Promise<string>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const state = await admin('/ready').catch((error: Error) => error.message)
    if (state.trim() === 'LIVE') return
    if (hasExited(child)) throw new Error('ended before it was ready')
    if (Date.now() > deadline) throw new Error(`is not ready: ${state}`)
    await pause(POLL_MS)
  }
}

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: CALL_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    })
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', reject)
    call.end()
  })
}
