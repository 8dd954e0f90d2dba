import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentStatus } from '@countersign/api'
import { expect } from 'vitest'
import { COMMAND, countersign, Program } from './program.ts'

/** A server and an agent of one trust domain, each in its own folder, on loopback. Ends and removes everything. */
export class TrustDomain {
  readonly name: string
  readonly folder = mkdtempSync(join(tmpdir(), 'cs-e2e-'))
  readonly serverConfig = join(this.folder, 'server.yaml')
  readonly agentConfig = join(this.folder, 'agent.yaml')
  readonly adminSocket = join(this.folder, 'server', 'admin.sock')
  readonly workloadSocket = join(this.folder, 'agent', 'workload.sock')
  readonly operatorSocket = join(this.folder, 'agent', 'operator.sock')
  /** Of the server's machine listener. */
  readonly machinePort: number
  readonly #programs: Program[] = []

  private constructor(
    name: string,
    ports: { readonly machine: number; readonly public: number },
    settings: string,
    agentSettings: string,
  ) {
    this.name = name
    this.machinePort = ports.machine
    mkdirSync(join(this.folder, 'server'))
    mkdirSync(join(this.folder, 'agent'))
    writeFileSync(
      this.serverConfig,
      `trustDomain: ${name}
dataDir: ./server
machine: { host: 127.0.0.1, port: ${ports.machine} }
public: { host: 127.0.0.1, port: ${ports.public} }
${settings}`,
    )
    writeFileSync(
      this.agentConfig,
      `trustDomain: ${name}
dataDir: ./agent
server: { url: https://127.0.0.1:${ports.machine} }
bootstrapBundle: ./bundle.json
nodeAttestor: { name: join-token, config: { tokenFile: ./join-token } }
socket: ./agent/workload.sock
${agentSettings}`,
    )
  }

  /** @param settings more lines for the server's configuration; `agentSettings` for the agent's */
  static async create(name = 'example.org', settings = '', agentSettings = ''): Promise<TrustDomain> {
    return new TrustDomain(name, { machine: await freePort(), public: await freePort() }, settings, agentSettings)
  }

  get endpoint(): string {
    return `unix://${this.workloadSocket}`
  }

  /** Runs the CLI against this server's admin socket and returns what it printed as JSON. */
  async admin(...args: readonly string[]): Promise<Record<string, unknown>> {
    const result = await countersign([...args, '--admin-socket', this.adminSocket, '--output', 'json'])
    expect(result, result.stderr).toMatchObject({ exitCode: 0 })
    return JSON.parse(result.stdout || '{}')
  }

  async startServer(): Promise<Program> {
    const server = this.start([COMMAND, 'server', 'run', '--config', this.serverConfig])
    await server.untilOutput(/server is ready/)
    return server
  }

  /** Writes what an agent needs to join: the bundle and a fresh token. Returns the agent's identifier. */
  async invite(path = '/node'): Promise<string> {
    const { stdout } = await countersign(['bundle', 'show', '--format', 'spiffe', '--admin-socket', this.adminSocket])
    writeFileSync(join(this.folder, 'bundle.json'), stdout)
    const { token, agentId } = await this.admin('token', 'create', '--agent-path', path)
    writeFileSync(join(this.folder, 'join-token'), String(token), { mode: 0o600 })
    return String(agentId)
  }

  async startAgent(): Promise<Program> {
    const agent = this.start([COMMAND, 'agent', 'run', '--config', this.agentConfig])
    await agent.untilOutput(/agent is ready/)
    return agent
  }

  /** What `agent status` says. */
  async agentStatus(): Promise<AgentStatus> {
    const result = await countersign(['agent', 'status', '--operator-socket', this.operatorSocket, '--output', 'json'])
    expect(result, result.stderr).toMatchObject({ exitCode: 0 })
    return JSON.parse(result.stdout)
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    const program = new Program(args, env)
    this.#programs.push(program)
    return program
  }

  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Below those that the kernel gives to outgoing connections, which would take it while the server is away. */
const PORTS = { first: 10_000, count: 20_000 }

async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = PORTS.first + randomInt(PORTS.count)
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
