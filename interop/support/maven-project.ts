import { existsSync } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import { missingProgram } from './debian-package.ts'
import { hashFolder } from './hash-folder.ts'
import type { Processes } from './processes.ts'

const BUILD_TIMEOUT_MS = 300_000
/** What Maven says when nobody answers. An artifact that arrives broken is no reason to skip anything. */
const OFFLINE = /Unknown host|Connection refused|Connect timed out|Network is unreachable|No route to host/i

/** A Java program, built by Maven from a copy: nothing is written beside its sources. */
export class MavenProject {
  readonly #source: string
  readonly #folder: string

  private constructor(source: string, folder: string) {
    this.#source = source
    this.#folder = folder
  }

  /** @param source folder of `pom.xml`, whose `finalName` is `client`, and `src` */
  static async of(name: string, source: string): Promise<MavenProject> {
    return new MavenProject(source, join(cacheFolder(), `${name}-${await hashFolder(source)}`))
  }

  /** Runs by `java -jar`. What it needs is in `lib` beside it. */
  get jar(): string {
    return join(this.#folder, 'target/client.jar')
  }

  /**
   * Builds it unless that is done.
   *
   * @returns why it cannot be built here
   * @throws Error with what Maven said
   */
  async missing(processes: Processes): Promise<string | undefined> {
    const missing =
      (await missingProgram(processes, 'javac', ['--version'], 'openjdk-17-jdk-headless')) ??
      (await missingProgram(processes, 'mvn', ['--version'], 'maven'))
    const complete = join(this.#folder, 'complete')
    if (missing !== undefined || existsSync(complete)) return missing
    await rm(this.#folder, { recursive: true, force: true })
    await mkdir(this.#folder, { recursive: true })
    for (const part of ['pom.xml', 'src'])
      await cp(join(this.#source, part), join(this.#folder, part), { recursive: true })
    const args = ['--batch-mode', '--quiet', '--no-transfer-progress', 'package']
    const built = await processes.run('mvn', args, { cwd: this.#folder, timeoutMs: BUILD_TIMEOUT_MS })
    if (built.exitCode !== 0) {
      if (OFFLINE.test(built.stdout)) return 'Java packages are not on this machine and cannot be fetched'
      throw new Error(`mvn package failed:\n${built.stdout.slice(-4000)}`)
    }
    await writeFile(complete, '')
    return undefined
  }
}
