import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MAY_INSTALL } from '../support/debian-package.ts'
import type { Processes } from '../support/processes.ts'

/** SPIRE as its authors publish it, and a workload that uses nothing but go-spiffe. */
export interface SpireBinaries {
  readonly version: string
  readonly server: string
  readonly agent: string
  readonly peer: string
}

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const SPIRE = 'github.com/spiffe/spire'
const LOOK_TIMEOUT_MS = 10_000
/** From nothing, with every module to fetch and compile. */
const BUILD_TIMEOUT_MS = 25 * 60_000

/** What `go` says when nobody answers, and when it is too old for what it should build. */
const CANNOT_BUILD =
  /dial tcp|no such host|i\/o timeout|connection refused|TLS handshake timeout|network is unreachable|requires go >= \S+/i

/**
 * Builds what `go.mod` pins, once: the result stays in the user's cache folder, under a name that changes with the pins.
 *
 * @returns the programs, or why there are none
 * @throws Error with what the compiler said
 */
export async function buildSpire(processes: Processes): Promise<SpireBinaries | { readonly missing: string }> {
  const { version, key } = await readPins()
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'countersign-interop')
  const folder = join(cache, `spire-${version}-${key}`)
  const binaries = {
    version,
    server: join(folder, 'spire-server'),
    agent: join(folder, 'spire-agent'),
    peer: join(folder, 'peer'),
  }
  if (await isFolder(folder)) return binaries
  for (const [command, argument, what] of [
    ['go', 'version', 'no Go toolchain'],
    ['cc', '--version', "no C compiler, which SPIRE's SQLite needs"],
  ] as const) {
    const found = await processes.run(command, [argument], { timeoutMs: LOOK_TIMEOUT_MS }).catch(() => undefined)
    if (found?.exitCode !== 0) return { missing: what }
  }
  if (process.env[MAY_INSTALL] !== '1')
    return { missing: `SPIRE ${version} is not built yet; ${MAY_INSTALL}=1 builds it` }

  await mkdir(cache, { recursive: true })
  const building = await mkdtemp(join(cache, 'building-'))
  try {
    const reason = await compile(processes, building, version)
    if (reason !== undefined) return { missing: reason }
    // Whole or not at all: a run that was ended in the middle leaves nothing that looks finished.
    await rename(building, folder)
    return binaries
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

async function compile(processes: Processes, folder: string, version: string): Promise<string | undefined> {
  const stamp = `-s -w -X ${SPIRE}/pkg/common/version.gittag=${version}`
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', stamp, '-o', `${folder}/`]
  const packages = ['./peer', `${SPIRE}/cmd/spire-server`, `${SPIRE}/cmd/spire-agent`]
  const { exitCode, stderr } = await processes.run('nice', ['go', 'build', ...flags, ...packages], {
    cwd: FOLDER,
    env: { CGO_ENABLED: '1' },
    timeoutMs: BUILD_TIMEOUT_MS,
  })
  if (exitCode === 0) return undefined
  const reason = CANNOT_BUILD.exec(stderr)
  if (reason !== null) return `SPIRE ${version} cannot be built here: ${reason[0]}`
  throw new Error(`go build of SPIRE ${version} failed:\n${stderr.split('\n').slice(-20).join('\n')}`)
}

/** The version, and a short hash of everything that decides what is built. */
async function readPins(): Promise<{ version: string; key: string }> {
  const hash = createHash('sha256')
  const sources = (await readdir(join(FOLDER, 'peer'))).sort().map((name) => join('peer', name))
  for (const name of ['go.mod', 'go.sum', ...sources]) hash.update(await readFile(join(FOLDER, name)))
  const version = /^\s*github\.com\/spiffe\/spire v(\S+)/m.exec(await readFile(join(FOLDER, 'go.mod'), 'utf8'))?.[1]
  if (version === undefined) throw new Error('go.mod names no version of SPIRE')
  return { version, key: hash.digest('hex').slice(0, 12) }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
