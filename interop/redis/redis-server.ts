import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Processes } from '../support/processes.ts'

const NAMES = ['redis-server', 'valkey-server']
const READY_PATIENCE_MS = 10_000

/** @returns the command and what it says of itself, `undefined` when there is none */
export async function findRedis(processes: Processes): Promise<{ command: string; version: string } | undefined> {
  for (const command of NAMES) {
    try {
      const { exitCode, stdout } = await processes.run(command, ['--version'], { timeoutMs: 10_000 })
      if (exitCode === 0) return { command, version: stdout.trim().split(' ').slice(0, 3).join(' ') }
    } catch {
      // Not installed.
    }
  }
  return undefined
}

/** One Redis that can be killed and started again on the same port. Keeps nothing on disk. */
export class RedisServer {
  readonly url: string
  readonly #processes: Processes
  readonly #command: string
  readonly #port: number
  readonly #folder: string
  #child: ChildProcess | undefined

  private constructor(processes: Processes, command: string, port: number, folder: string) {
    this.#processes = processes
    this.#command = command
    this.#port = port
    this.#folder = folder
    this.url = `redis://127.0.0.1:${port}`
  }

  static async create(processes: Processes, command: string, folder: string): Promise<RedisServer> {
    return new RedisServer(processes, command, await freePort(), folder)
  }

  async start(): Promise<void> {
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder]
    const limits = ['--maxmemory', '64mb', '--maxmemory-policy', 'noeviction']
    this.#child = this.#processes.start(this.#command, [...args, ...limits], { logFile: `${this.#folder}/redis.log` })
    const deadline = Date.now() + READY_PATIENCE_MS
    while (!(await accepts(this.#port))) {
      if (Date.now() > deadline) throw new Error('redis is not ready')
      await pause(20)
    }
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }

  /** Stops it in the middle of everything; connections stay open and say nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
