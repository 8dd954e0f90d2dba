import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { missingProgram } from './debian-package.ts'
import type { Processes } from './processes.ts'

const INSTALL_TIMEOUT_MS = 240_000
const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|EHOSTUNREACH/

/** Packages of the npm registry for one suite, outside of the repository's own `node_modules`. */
export class NpmFolder {
  readonly #source: string
  readonly folder: string

  private constructor(source: string, folder: string) {
    this.#source = source
    this.folder = folder
  }

  /** @param source folder of `package.json` and of the `package-lock.json` that names every package with its hash */
  static async of(name: string, source: string): Promise<NpmFolder> {
    const hash = createHash('sha256')
      .update(await readFile(join(source, 'package-lock.json')))
      .digest('hex')
    return new NpmFolder(source, join(cacheFolder(), `${name}-${hash.slice(0, 16)}`))
  }

  /** Installs them unless they are there; nothing of theirs is run. @returns why they cannot be had */
  async missing(processes: Processes): Promise<string | undefined> {
    const complete = join(this.folder, 'complete')
    if (existsSync(complete)) return undefined
    const noNpm = await missingProgram(processes, 'npm', ['--version'], 'npm')
    if (noNpm !== undefined) return noNpm
    await rm(this.folder, { recursive: true, force: true })
    await mkdir(this.folder, { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) {
      await copyFile(join(this.#source, file), join(this.folder, file))
    }
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    const installed = await processes.run('npm', args, { cwd: this.folder, timeoutMs: INSTALL_TIMEOUT_MS })
    if (installed.exitCode !== 0) {
      if (OFFLINE.test(installed.stderr)) return 'npm packages are not on this machine and cannot be fetched'
      throw new Error(`npm ci failed: ${installed.stderr}`)
    }
    await writeFile(complete, '')
    return undefined
  }
}
