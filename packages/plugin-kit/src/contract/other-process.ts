import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PublicJwk } from '@countersign/protocol'

/** What another process needs to open the same keys. */
export interface OtherProcessOptions {
  /** URL of the module whose default export is the plugin's descriptor. */
  readonly module: string
  /** As in the configuration file. */
  readonly config: unknown
  readonly dataDir: string
  readonly trustDomain?: string
}

/** What came of one key. */
export interface CreationOutcome {
  readonly name: string
  readonly publicJwk?: PublicJwk
  /** Why there is none. */
  readonly code?: string
}

const IS_SOURCE = import.meta.url.endsWith('.ts')
const PROGRAM = fileURLToPath(new URL(`./key-manager-process.${IS_SOURCE ? 'ts' : 'js'}`, import.meta.url))

/** A process of its own with the same keys open. */
export class OtherProcess {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new TypeError('other process has no output')
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  static async start(options: OtherProcessOptions): Promise<OtherProcess> {
    const conditions = IS_SOURCE ? ['--conditions=countersign-source'] : []
    const child = spawn(process.execPath, [...conditions, PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const other = new OtherProcess(child)
    await other.#answer()
    return other
  }

  /** Starts to create a key; `outcome` waits for it. */
  create(name: string): void {
    this.#child.stdin?.write(`${name}\n`)
  }

  outcome(): Promise<CreationOutcome> {
    return this.#answer()
  }

  /** @returns what it had answered and nobody had asked for */
  async kill(): Promise<CreationOutcome[]> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
    const rest: CreationOutcome[] = []
    for (let next = await this.#answers.next(); !next.done; next = await this.#answers.next()) {
      rest.push(JSON.parse(next.value))
    }
    return rest
  }

  async #answer(): Promise<CreationOutcome> {
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('other process ended')
    return JSON.parse(value)
  }
}
