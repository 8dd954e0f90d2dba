import { join } from 'node:path'
import { cacheFolder } from './cache-folder.ts'
import type { Processes } from './processes.ts'

const LOOK_TIMEOUT_MS = 30_000
const FETCH_TIMEOUT_MS = 180_000
const BUILD_TIMEOUT_MS = 900_000

/** What `cargo` says when nobody answers. A crate that arrives with a wrong checksum is no reason to skip anything. */
const OFFLINE = /Could ?n[o']t resolve host|Could not connect|Connection refused|timed out|Network is unreachable/i

/** A Rust program. What is compiled stays in the cache folder: that is mostly the work of others. */
export class CargoProject {
  readonly #manifest: string
  readonly #target: string

  /** @param folder of `Cargo.toml` and `Cargo.lock` */
  constructor(name: string, folder: string) {
    this.#manifest = join(folder, 'Cargo.toml')
    this.#target = join(cacheFolder(), name)
  }

  /**
   * Whether it can be built here.
   *
   * @param minimumVersion of the compiler: major and minor, as the crates ask for it
   * @returns why not
   */
  async missing(processes: Processes, minimumVersion: readonly [number, number]): Promise<string | undefined> {
    const looked = await processes.run('cargo', ['--version'], { timeoutMs: LOOK_TIMEOUT_MS }).catch(() => undefined)
    const version = looked?.stdout.match(/^cargo (\d+)\.(\d+)/)
    if (looked?.exitCode !== 0 || version == null) return 'no Rust toolchain'
    const [major, minor] = [Number(version[1]), Number(version[2])]
    const isOld = major < minimumVersion[0] || (major === minimumVersion[0] && minor < minimumVersion[1])
    if (isOld) return `Rust is ${major}.${minor}, and ${minimumVersion.join('.')} is needed`
    const args = ['fetch', '--locked', '--manifest-path', this.#manifest]
    const fetched = await processes.run('cargo', args, { timeoutMs: FETCH_TIMEOUT_MS })
    if (fetched.exitCode === 0) return undefined
    if (OFFLINE.test(fetched.stderr)) return 'crates are not on this machine and cannot be fetched'
    throw new Error(`cargo fetch failed:\n${fetched.stderr}`)
  }

  /** @returns the executable. @throws Error with what the compiler said */
  async build(processes: Processes, binary: string): Promise<string> {
    const args = ['build', '--quiet', '--locked', '--offline', '--manifest-path', this.#manifest]
    const env = { CARGO_TARGET_DIR: this.#target }
    const built = await processes.run('cargo', args, { env, timeoutMs: BUILD_TIMEOUT_MS })
    if (built.exitCode !== 0) throw new Error(`cargo build failed:\n${built.stderr.slice(-4000)}`)
    return join(this.#target, 'debug', binary)
  }
}
