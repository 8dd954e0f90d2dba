import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { DemoError } from './demo-error.ts'

export interface DemoProgramOptions {
  /** What people know it by. */
  readonly name: string
  /** What node runs: a script and its arguments. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Everything the program prints goes here too. */
  readonly logFile: string
}

/** A line of JSON that a program printed. */
export type ProgramEvent = Readonly<Record<string, unknown>>

/** How long a program may take to say that it is ready, or to answer. */
const PATIENCE_MS = 30_000
const STOP_PATIENCE_MS = 3_000

/**
 * One operating-system process of the demo. What it prints as JSON lines, on either stream, can be waited for, also when
 * it came before the wait.
 */
export class DemoProgram {
  readonly name: string
  readonly #options: DemoProgramOptions
  readonly #log: WriteStream
  #child: ChildProcess
  #events: ProgramEvent[] = []
  #waiting: (() => void)[] = []
  #exited = false
  #stopping = false

  constructor(options: DemoProgramOptions) {
    this.name = options.name
    this.#options = options
    this.#log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 })
    this.#child = this.#spawn()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get hasExited(): boolean {
    return this.#exited
  }

  /**
   * The first event that fits, among those that came and those to come.
   *
   * @throws DemoError `ERR_DEMO_PROGRAM_FAILED` when the program ends first, `ERR_DEMO_TIMEOUT` when it takes too long
   */
  async waitFor(fits: (event: ProgramEvent) => boolean, what: string): Promise<ProgramEvent> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const event = this.#events.find(fits)
      if (event !== undefined) return event
      if (this.#exited) throw this.#failure('ERR_DEMO_PROGRAM_FAILED', `ended before it was ${what}`)
      if (Date.now() > deadline) throw this.#failure('ERR_DEMO_TIMEOUT', `was not ${what} in time`)
      await this.#change(deadline - Date.now())
    }
  }

  /** Starts the program again after it ended. What it said before is forgotten. */
  restart(): void {
    // Asked for before the demo was stopped, and due after.
    if (this.#stopping) return
    this.#events = []
    this.#exited = false
    this.#child = this.#spawn()
  }

  /** Calls back when the program ends by itself. */
  onUnexpectedExit(callback: (program: DemoProgram) => void): void {
    this.#unexpected = callback
  }
  #unexpected: (program: DemoProgram) => void = () => {}

  /** Asks the program to end, and ends it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (!this.#exited) this.#child.kill('SIGTERM')
    const deadline = Date.now() + STOP_PATIENCE_MS
    while (!this.#exited && Date.now() < deadline) await this.#change(deadline - Date.now())
    if (!this.#exited) this.#child.kill('SIGKILL')
    await new Promise<void>((resolve) => this.#log.end(resolve))
  }

  #spawn(): ChildProcess {
    const { args, env } = this.#options
    const child = spawn(process.execPath, [...args], {
      env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#read(line))
    }
    child.once('exit', () => {
      this.#exited = true
      this.#wake()
      if (!this.#stopping) this.#unexpected(this)
    })
    child.once('error', () => {
      this.#exited = true
      this.#wake()
    })
    return child
  }

  #read(line: string): void {
    if (!this.#log.writableEnded) this.#log.write(`${line}\n`)
    if (!line.startsWith('{')) return
    try {
      this.#events.push(JSON.parse(line) as ProgramEvent)
    } catch {
      return
    }
    this.#wake()
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, milliseconds))
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #failure(code: 'ERR_DEMO_PROGRAM_FAILED' | 'ERR_DEMO_TIMEOUT', what: string): DemoError {
    return new DemoError(code, `${this.name} ${what}; its log: ${this.#options.logFile}`)
  }
}
