import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../support/cache-folder.ts'
import { MAY_INSTALL } from '../support/debian-package.ts'
import type { Processes } from '../support/processes.ts'
import type { Artefact } from './artefacts.ts'

/** The command, where it is not on the path. */
const COMMAND_VARIABLE = 'COUNTERSIGN_SCC'
const MODULE = 'github.com/kanywst/spiffe-compliance-checker/cmd/scc'
const VERSION = 'v0.2.0'
const CHECK_TIMEOUT_MS = 20_000
const INSTALL_TIMEOUT_MS = 180_000

/** What the checker says of one artefact. */
export interface Verdict {
  readonly summary: { readonly passed: number; readonly failed: number; readonly warnings: number }
  readonly assertions: readonly {
    readonly status: string
    readonly section: string
    readonly text: string
    readonly detail?: string
  }[]
}

/** Finds the checker, and installs it where that is allowed and possible. @returns the command, or why there is none */
export async function findChecker(processes: Processes): Promise<{ command: string } | { missing: string }> {
  const folder = join(cacheFolder(), `scc-${VERSION}`)
  const installed = join(folder, 'scc')
  for (const command of [process.env[COMMAND_VARIABLE], 'scc', installed]) {
    if (command !== undefined && (await isChecker(processes, command))) return { command }
  }
  if (process.env[MAY_INSTALL] !== '1') return { missing: `no scc; ${MAY_INSTALL}=1 would install ${MODULE}` }
  await mkdir(folder, { recursive: true })
  const env = { GOBIN: folder }
  const install = processes.run('go', ['install', `${MODULE}@${VERSION}`], { env, timeoutMs: INSTALL_TIMEOUT_MS })
  const done = await install.catch(() => undefined)
  if (await isChecker(processes, installed)) return { command: installed }
  if (done === undefined) return { missing: 'no scc, and no Go toolchain to install it with' }
  return { missing: `no scc, and its Go module ${VERSION} is not to be had; ${COMMAND_VARIABLE} may name the command` }
}

/** There is another program of this name, which counts lines. */
async function isChecker(processes: Processes, command: string): Promise<boolean> {
  const args = ['id', '--format', 'json', 'spiffe://example.org/workload']
  const looked = await processes.run(command, args, { timeoutMs: CHECK_TIMEOUT_MS }).catch(() => undefined)
  return looked?.exitCode === 0 && looked.stdout.includes('"assertions"')
}

/** @throws Error when it could not read the artefact */
export async function judge(processes: Processes, command: string, { kind, argument }: Artefact): Promise<Verdict> {
  const args = [kind, '--format', 'json', argument]
  const { exitCode, stdout, stderr } = await processes.run(command, args, { timeoutMs: CHECK_TIMEOUT_MS })
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`scc ${kind} ended with ${exitCode}: ${stderr.trim()}`)
  const verdict = JSON.parse(stdout) as Verdict
  if (verdict.summary.failed > 0 !== (exitCode === 1)) throw new Error(`scc ${kind}: status ${exitCode} and ${stdout}`)
  return verdict
}
