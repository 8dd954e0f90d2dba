import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../support/cache-folder.ts'
import { missingProgram } from '../support/debian-package.ts'
import type { Processes } from '../support/processes.ts'

export const VERSION = '26.7.3'

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`
const TIMEOUT_MS = 300_000
/** What Maven says when nobody answers. An artifact that arrives broken is no reason to skip anything. */
const OFFLINE = /Unknown host|Connection refused|Connect timed out|Network is unreachable|No route to host/i

/** Folder of Keycloak as its authors publish it. It is not to be run there: Keycloak writes into its own folder. */
export const DISTRIBUTION = join(cacheFolder(), `keycloak-${VERSION}`, `keycloak-${VERSION}`)

/**
 * Fetches and unpacks it, once.
 *
 * @returns why it cannot be had here
 * @throws Error with what Maven said
 */
export async function missingKeycloak(processes: Processes): Promise<string | undefined> {
  const missing =
    (await missingProgram(processes, 'java', ['--version'], 'openjdk-17-jdk-headless')) ??
    (await missingProgram(processes, 'openssl', ['version'], 'openssl'))
  if (missing !== undefined || existsSync(DISTRIBUTION)) return missing
  const noMaven = await missingProgram(processes, 'mvn', ['--version'], 'maven')
  if (noMaven !== undefined) return noMaven
  await mkdir(cacheFolder(), { recursive: true })
  const unpacking = await mkdtemp(join(cacheFolder(), 'unpacking-'))
  try {
    const options = [`-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${unpacking}`]
    const args = ['--batch-mode', '--quiet', '--no-transfer-progress', `${PLUGIN}:unpack`, ...options]
    const { exitCode, stdout } = await processes.run('mvn', args, { cwd: unpacking, timeoutMs: TIMEOUT_MS })
    if (exitCode !== 0) {
      if (OFFLINE.test(stdout)) return 'Keycloak is not on this machine and cannot be fetched'
      throw new Error(`mvn unpack failed:\n${stdout.slice(-4000)}`)
    }
    // Whole or not at all: a run that was ended in the middle leaves nothing that looks finished.
    await rename(unpacking, join(cacheFolder(), `keycloak-${VERSION}`))
    return undefined
  } finally {
    await rm(unpacking, { recursive: true, force: true })
  }
}
