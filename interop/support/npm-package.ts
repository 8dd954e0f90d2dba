import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import type { Processes } from './processes.ts'

const TIMEOUT_MS = 120_000
/** What npm says when nobody answers. */
const OFFLINE = /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENETUNREACH/

/** Folder in which `import()` finds a package that one suite needs and nobody else. */
export function npmFolder(name: string, version: string): string {
  return join(cacheFolder(), `npm-${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${version}`)
}

/**
 * Fetches a package of the npm registry with what it needs, once. Nothing of it is run.
 *
 * @returns why it cannot be had here
 * @throws Error with what npm said
 */
export async function missingNpmPackage(
  processes: Processes,
  name: string,
  version: string,
): Promise<string | undefined> {
  const folder = npmFolder(name, version)
  if (existsSync(folder)) return undefined
  await mkdir(cacheFolder(), { recursive: true })
  const fetching = await mkdtemp(join(cacheFolder(), 'fetching-'))
  try {
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', fetching, `${name}@${version}`]
    const { exitCode, stderr } = await processes.run('npm', args, { cwd: fetching, timeoutMs: TIMEOUT_MS })
    if (exitCode !== 0) {
      if (OFFLINE.test(stderr)) return `${name} is not on this machine and cannot be fetched`
      throw new Error(`npm install failed:\n${stderr.slice(-4000)}`)
    }
    // Whole or not at all: a run that was ended in the middle leaves nothing that looks finished.
    await rename(fetching, folder)
    return undefined
  } finally {
    await rm(fetching, { recursive: true, force: true })
  }
}
