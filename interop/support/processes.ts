import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

export interface StartOptions {
  /** Everything the program prints goes here. */
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
}

export interface FinishedProgram {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

const STOP_PATIENCE_MS = 5_000
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

/** Every process of a run, so that none outlives it however it ends. */
export class Processes {
  readonly #running = new Set<ChildProcess>()

  /** Starts a program that serves until it is stopped. */
  start(command: string, args: readonly string[], { logFile, env }: StartOptions): ChildProcess {
    const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
    const child = this.#spawn(command, args, env)
    child.stdout?.pipe(log, { end: false })
    child.stderr?.pipe(log, { end: false })
    child.once('close', () => log.end())
    return child
  }

  /**
   * Runs a program to its end and keeps what it printed.
   *
   * @throws Error when it cannot be started or takes too long
   */
  async run(command: string, args: readonly string[], options: RunOptions): Promise<FinishedProgram> {
    const child = this.#spawn(command, args, options.env, options.cwd)
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs)
    try {
      await once(child, 'close')
    } finally {
      clearTimeout(timer)
    }
    if (timedOut) throw new Error(`${command} did not end within ${options.timeoutMs / 1000} s: ${stderr()}`)
    return { exitCode: child.exitCode, stdout: stdout(), stderr: stderr() }
  }

  /** Asks the programs to end, last started first, and ends those that do not. */
  async stopAll(): Promise<void> {
    for (const child of [...this.#running].reverse()) await stopProcess(child)
  }

  /** For the end of this very process, when nothing can be waited for. */
  killAll(): void {
    for (const child of this.#running) child.kill('SIGKILL')
  }

  #spawn(command: string, args: readonly string[], env?: RunOptions['env'], cwd?: string): ChildProcess {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
      ...(cwd !== undefined && { cwd }),
    })
    this.#running.add(child)
    // Without a listener an executable that is missing would end the run; whoever waits for `close` hears of it anyway.
    child.once('error', () => this.#running.delete(child))
    child.once('close', () => this.#running.delete(child))
    return child
  }
}

export function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** Asks one program to end, and ends it when it does not. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return
  const closed = once(child, 'close')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS)
  child.kill('SIGTERM')
  await closed
  clearTimeout(timer)
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream?.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
