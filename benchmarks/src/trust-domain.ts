import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The built command, as a user runs it. */
const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const PATIENCE_MS = 60_000

/** What an agent needs to join. */
export interface Invitation {
  readonly agentId: string
  /** The agent's configuration, with absolute paths. */
  readonly config: Readonly<Record<string, unknown>>
}

/** A real server in a process of its own, and what it takes to run agents of it. Loopback only. */
export class TrustDomain {
  readonly folder = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  readonly #machinePort: number
  readonly #publicPort: number
  readonly #settings: object
  readonly #children: ChildProcess[] = []
  #server: ChildProcess | undefined

  private constructor(machinePort: number, publicPort: number, settings: object) {
    this.#machinePort = machinePort
    this.#publicPort = publicPort
    this.#settings = settings
  }

  /** @param settings more of the server's configuration */
  static async start(settings: object = {}): Promise<TrustDomain> {
    const domain = new TrustDomain(await freePort(), await freePort(), settings)
    mkdirSync(join(domain.folder, 'server'))
    await domain.startServer()
    return domain
  }

  /** Starts the server, also one that was stopped, on the same address and data. Resolves when it says that it is ready. */
  async startServer(): Promise<void> {
    this.#server = await this.#run('server', {
      trustDomain: 'example.org',
      dataDir: join(this.folder, 'server'),
      machine: { host: '127.0.0.1', port: this.#machinePort },
      public: { host: '127.0.0.1', port: this.#publicPort },
      log: { level: 'error' },
      ...this.#settings,
    })
  }

  /** In good order. */
  async stopServer(): Promise<void> {
    const server = this.#server
    if (server === undefined || server.exitCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    await ended
  }

  get serverPid(): number {
    return this.#server?.pid ?? 0
  }

  get machineUrl(): string {
    return `https://127.0.0.1:${this.#machinePort}`
  }

  async invite(name: string): Promise<Invitation> {
    const folder = join(this.folder, name)
    mkdirSync(folder)
    const { token, agentId } = await this.admin('POST', '/v1/join-tokens', { agentPath: `/${name}`, ttl: 3600 })
    const { bundle } = await this.admin('GET', '/v1/bundles/example.org')
    writeFileSync(join(folder, 'join-token'), String(token), { mode: 0o600 })
    writeFileSync(join(folder, 'bundle.json'), JSON.stringify(bundle))
    return {
      agentId: String(agentId),
      config: {
        trustDomain: 'example.org',
        dataDir: folder,
        server: { url: this.machineUrl },
        bootstrapBundle: join(folder, 'bundle.json'),
        nodeAttestor: { name: 'join-token', config: { tokenFile: join(folder, 'join-token') } },
        socket: join(folder, 'workload.sock'),
        log: { level: 'error' },
      },
    }
  }

  /** An agent in a process of its own. */
  runAgent({ config }: Invitation): Promise<ChildProcess> {
    return this.#run('agent', config)
  }

  /** Registers this process under one more identity of an agent. @returns the entry's id */
  async register(agentId: string, path: string): Promise<string> {
    const selectors = [{ type: 'unix', value: `uid:${process.getuid?.()}` }]
    const entry = { spiffeId: `spiffe://example.org${path}`, parentId: agentId, selectors }
    return String((await this.admin('POST', '/v1/entries', entry))['id'])
  }

  admin(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const socketPath = join(this.folder, 'server', 'admin.sock')
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const request = httpRequest({ socketPath, method, path, headers }, async (response) => {
        let text = ''
        for await (const chunk of response) text += String(chunk)
        if ((response.statusCode ?? 500) >= 300) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`))
        else resolve(text === '' ? {} : JSON.parse(text))
      })
      request.on('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** Ends every process and removes every file. */
  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }

  #run(program: 'server' | 'agent', config: object): Promise<ChildProcess> {
    const path = join(this.folder, `${program}-${this.#children.length}.json`)
    // Every JSON text is YAML.
    writeFileSync(path, JSON.stringify(config))
    const child = spawn(process.execPath, [COMMAND, program, 'run', '--config', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#children.push(child)
    return new Promise((resolve, reject) => {
      let output = ''
      const timer = setTimeout(() => reject(new Error(`${program} is not ready in time: ${output}`)), PATIENCE_MS)
      child.once('exit', () => reject(new Error(`${program} ended: ${output}`)))
      child.stderr.on('data', (chunk) => {
        output = (output + String(chunk)).slice(-10_000)
        if (!output.includes('is ready')) return
        clearTimeout(timer)
        resolve(child)
      })
    })
  }
}

/** Resident memory of a process now, in KiB. */
export function residentKib(pid: number): number {
  const [, kib = 'NaN'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib)
}

/** CPU time of a process so far, all threads, in seconds. In steps of 10 ms. @see proc_pid_stat(5) */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
