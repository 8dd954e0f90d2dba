import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built command, as a user runs it. */
export const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))

const PATIENCE_MS = 60_000

export interface Finished {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One process of a scenario. Whatever happens, `kill()` in `afterEach` ends it by its id. */
export class Program {
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''
  #exitCode: number | null | undefined
  readonly #listeners = new Set<() => void>()

  /** @param wrapper makes another command of it, for another place to run in */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    wrapper: (command: readonly string[]) => readonly string[] = (command) => command,
  ) {
    const [command = process.execPath, ...rest] = wrapper([process.execPath, ...args])
    this.#child = spawn(command, rest, {
      env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (chunk) => {
      this.#stdout += chunk
      this.#changed()
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += chunk
      this.#changed()
    })
    this.#child.once('close', (code) => {
      this.#exitCode = code
      this.#changed()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stdout(): string {
    return this.#stdout
  }

  /** Everything printed so far, both streams. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Lines of JSON on standard error: the program's log. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.#stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  }

  /** Waits until the program's output makes it true. Fails with that output when the program ends or time runs out. */
  async until(condition: () => boolean, what: string, patienceMs = PATIENCE_MS): Promise<void> {
    const deadline = Date.now() + patienceMs
    while (!condition()) {
      if (this.#exitCode !== undefined) throw new Error(`ended before ${what}:\n${this.output}`)
      if (Date.now() > deadline) throw new Error(`not ${what} in time:\n${this.output}`)
      await this.#change(deadline - Date.now())
    }
  }

  untilOutput(pattern: RegExp): Promise<void> {
    return this.until(() => pattern.test(this.output), `it printed ${pattern}`)
  }

  async finished(): Promise<Finished> {
    while (this.#exitCode === undefined) await this.#change(PATIENCE_MS)
    return { exitCode: this.#exitCode, stdout: this.#stdout, stderr: this.#stderr }
  }

  /** Ends the process at once, as a power cut would. */
  async kill(): Promise<void> {
    if (this.#exitCode === undefined) this.#child.kill('SIGKILL')
    await this.finished()
  }

  /** Stops the process as a machine that sleeps does: it does nothing, and time passes. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async stop(): Promise<Finished> {
    if (this.#exitCode === undefined) this.#child.kill('SIGTERM')
    return this.finished()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#listeners.delete(done)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      this.#listeners.add(done)
    })
  }
}

/** Runs one command of the CLI to its end. */
export async function countersign(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Program([COMMAND, ...args], env).finished()
}
