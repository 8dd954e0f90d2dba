import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { missingProgram } from './debian-package.ts'
import type { Processes } from './processes.ts'

const INSTALL_TIMEOUT_MS = 240_000
const OFFLINE =
  /Temporary failure in name resolution|Connection refused|Network is unreachable|timed out|No route to host/i

/** An environment of Python packages, with an interpreter of its own: its path tells a program from every other one. */
export class PythonEnvironment {
  readonly folder: string
  readonly #requirements: string

  private constructor(folder: string, requirements: string) {
    this.folder = folder
    this.#requirements = requirements
  }

  /** @param requirements file that names every package with its hashes */
  static async of(name: string, requirements: string): Promise<PythonEnvironment> {
    const content = createHash('sha256')
      .update(await readFile(requirements))
      .digest('hex')
    return new PythonEnvironment(join(cacheFolder(), `${name}-${content.slice(0, 16)}`), requirements)
  }

  get python(): string {
    return join(this.folder, 'bin/python3')
  }

  /** Makes the environment unless it is there. @returns why it cannot be had */
  async missing(processes: Processes): Promise<string | undefined> {
    const complete = join(this.folder, 'complete')
    if (existsSync(complete)) return undefined
    const noPython = await missingProgram(processes, 'python3', ['-m', 'ensurepip', '--version'], 'python3-venv')
    if (noPython !== undefined) return noPython
    await rm(this.folder, { recursive: true, force: true })
    const made = await processes.run('python3', ['-m', 'venv', '--copies', this.folder], {
      timeoutMs: INSTALL_TIMEOUT_MS,
    })
    if (made.exitCode !== 0) throw new Error(`python3 -m venv failed: ${made.stderr}`)
    const options = ['--quiet', '--disable-pip-version-check', '--require-hashes', '--only-binary', ':all:']
    const args = ['-m', 'pip', 'install', ...options, '-r', this.#requirements]
    const installed = await processes.run(this.python, args, { timeoutMs: INSTALL_TIMEOUT_MS })
    if (installed.exitCode !== 0) {
      if (OFFLINE.test(installed.stderr)) return 'Python packages are not on this machine and cannot be fetched'
      throw new Error(`pip install failed: ${installed.stderr}`)
    }
    await writeFile(complete, '')
    return undefined
  }
}
