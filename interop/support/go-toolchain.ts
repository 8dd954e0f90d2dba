import type { Processes } from './processes.ts'

const VERSION_TIMEOUT_MS = 10_000
const DOWNLOAD_TIMEOUT_MS = 180_000
const BUILD_TIMEOUT_MS = 300_000

/** What `go` says when nobody answers. A module that arrives with a wrong checksum is no reason to skip anything. */
const OFFLINE = /dial tcp|no such host|i\/o timeout|connection refused|TLS handshake timeout|network is unreachable/i

/** Whether Go programs in this folder can be built. @returns why not */
export async function missingGo(processes: Processes, folder: string): Promise<string | undefined> {
  try {
    const version = await processes.run('go', ['version'], { timeoutMs: VERSION_TIMEOUT_MS })
    if (version.exitCode !== 0) return 'no Go toolchain'
  } catch {
    return 'no Go toolchain'
  }
  const download = await processes.run('go', ['mod', 'download'], { cwd: folder, timeoutMs: DOWNLOAD_TIMEOUT_MS })
  if (download.exitCode === 0 || !OFFLINE.test(download.stderr)) return undefined
  return 'Go modules are not on this machine and cannot be fetched'
}

/** @throws Error with what the compiler said */
export async function buildGo(processes: Processes, folder: string, binary: string): Promise<void> {
  const args = ['build', '-mod=readonly', '-trimpath', '-buildvcs=false', '-o', binary, '.']
  const built = await processes.run('go', args, { cwd: folder, timeoutMs: BUILD_TIMEOUT_MS })
  if (built.exitCode !== 0) throw new Error(`go build failed:\n${built.stderr}`)
}
