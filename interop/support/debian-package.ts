import type { Processes } from './processes.ts'

const LOOK_TIMEOUT_MS = 10_000
const INSTALL_TIMEOUT_MS = 240_000

/** Set where a run may install what it needs: on machines made for it, never on somebody's own. */
export const MAY_INSTALL = 'COUNTERSIGN_INTEROP_INSTALL'

/**
 * Looks for a program, and installs the Debian packages that have it where that is allowed and possible.
 *
 * @param probe arguments with which the program says that it, and whatever else is needed, is there
 * @returns why there is none, `undefined` when there is one
 */
export async function missingProgram(
  processes: Processes,
  command: string,
  probe: readonly string[],
  ...debianPackages: readonly string[]
): Promise<string | undefined> {
  const packages = debianPackages.join(' ')
  const isThere = async () => {
    const found = await processes.run(command, probe, { timeoutMs: LOOK_TIMEOUT_MS }).catch(() => undefined)
    return found?.exitCode === 0
  }
  if (await isThere()) return undefined
  if (process.env[MAY_INSTALL] !== '1') return `no ${command}; ${MAY_INSTALL}=1 would install ${packages}`
  if (process.getuid?.() !== 0) return `no ${command}, and only root may install ${packages}`
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...debianPackages]]) {
    const done = await processes.run('apt-get', args, { env, timeoutMs: INSTALL_TIMEOUT_MS }).catch(() => undefined)
    if (done?.exitCode !== 0) return `no ${command}, and apt-get ${args[0]} failed`
  }
  return (await isThere()) ? undefined : `no ${command}, although ${packages} was installed`
}
