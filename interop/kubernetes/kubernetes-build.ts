import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../support/cache-folder.ts'
import { missingProgram } from '../support/debian-package.ts'
import { hashFolder } from '../support/hash-folder.ts'
import type { Processes } from '../support/processes.ts'

/** Kubernetes as its authors publish it, built from the module that `cluster/go.mod` pins. */
export interface KubernetesBinaries {
  readonly version: string
  readonly apiServer: string
  readonly kubectl: string
}

const SOURCE = fileURLToPath(new URL('cluster', import.meta.url))
const MAY_BUILD = 'COUNTERSIGN_INTEROP_KUBERNETES'
const LOOK_TIMEOUT_MS = 10_000
/** From nothing, with every module to fetch and compile. */
const BUILD_TIMEOUT_MS = 25 * 60_000
const OFFLINE =
  /dial tcp|no such host|i\/o timeout|connection refused|TLS handshake timeout|network is unreachable|requires go >= \S+/i

/**
 * Builds API server and kubectl, once: they stay in the cache folder under a name that changes with the pins.
 *
 * @returns the programs, or why there are none
 * @throws Error with what the compiler said
 */
export async function buildKubernetes(
  processes: Processes,
): Promise<KubernetesBinaries | { readonly missing: string }> {
  const folder = join(cacheFolder(), `kubernetes-${await hashFolder(SOURCE)}`)
  const missing = existsSync(folder) ? undefined : await build(processes, folder)
  const noEtcd = missing ?? (await missingProgram(processes, 'etcd', ['--version'], 'etcd-server'))
  if (noEtcd !== undefined) return { missing: noEtcd }
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(await readFile(join(SOURCE, 'go.mod'), 'utf8'))?.[1]
  if (version === undefined) throw new Error('go.mod names no version of Kubernetes')
  return { version, apiServer: join(folder, 'kube-apiserver'), kubectl: join(folder, 'kubectl') }
}

async function build(processes: Processes, folder: string): Promise<string | undefined> {
  if (process.env[MAY_BUILD] !== '1') {
    return `kube-apiserver is not built yet; ${MAY_BUILD}=1 builds it, which takes five minutes of CPU time`
  }
  const go = await processes.run('go', ['version'], { timeoutMs: LOOK_TIMEOUT_MS }).catch(() => undefined)
  if (go?.exitCode !== 0) return 'no Go toolchain'
  await mkdir(cacheFolder(), { recursive: true })
  const building = await mkdtemp(join(cacheFolder(), 'building-'))
  try {
    const args = ['go', 'build', '-mod=readonly', '-o', `${building}/`, './cmd/...']
    const built = await processes.run('nice', args, { cwd: SOURCE, timeoutMs: BUILD_TIMEOUT_MS })
    if (built.exitCode !== 0) {
      const reason = OFFLINE.exec(built.stderr)
      if (reason !== null) return `Kubernetes cannot be built here: ${reason[0]}`
      throw new Error(`go build of Kubernetes failed:\n${built.stderr.split('\n').slice(-20).join('\n')}`)
    }
    // Whole or not at all: a run that was ended in the middle leaves nothing that looks finished.
    await rename(building, folder)
    return undefined
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}
