import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { callHttps, callSocket, type Reply } from './http.ts'
import { Program } from './program.ts'

const DRIVER = fileURLToPath(new URL('./server-driver.mjs', import.meta.url))

export interface DriveOptions {
  readonly clockOffset?: number
  /** Where the process kills itself. */
  readonly dieAt?: {
    readonly call?: 'createKey' | 'getKey' | 'deleteKey'
    readonly when?: 'before' | 'after'
    /** So many calls are let by. */
    readonly after?: number
    /** When this state of an authority was reported. */
    readonly state?: string
    readonly atStart?: boolean
  }
  /** Before the program: `sh -c …` and the like. */
  readonly wrapper?: (command: readonly string[]) => readonly string[]
}

export interface DrivenServer {
  readonly program: Program
  readonly machineUrl: string
  readonly publicUrl: string
  admin(path: string, body?: unknown, method?: string): Promise<Reply>
  ready(): Promise<number>
}

/** A data folder, and one real server process after the other on it. Ends and removes everything. */
export class ServerFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'cs-server-'))
  readonly dataDir = join(this.folder, 'data')
  readonly config = join(this.folder, 'server.yaml')
  readonly #programs: Program[] = []

  /** @param settings more lines for the configuration */
  constructor(settings = '', dataDir?: string) {
    if (dataDir !== undefined) this.dataDir = dataDir
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 })
    writeFileSync(
      this.config,
      `trustDomain: example.org
dataDir: ${this.dataDir}
admin: { socket: ${join(this.folder, 'admin.sock')} }
machine: { host: 127.0.0.1, port: 0 }
public: { host: 127.0.0.1, port: 0 }
log: { level: info }
${settings}`,
    )
  }

  spawn(options: DriveOptions = {}): Program {
    const { wrapper, ...rest } = options
    const program = new Program([DRIVER, JSON.stringify({ config: this.config, ...rest })], {}, wrapper)
    this.#programs.push(program)
    return program
  }

  async start(options: DriveOptions = {}): Promise<DrivenServer> {
    const program = this.spawn(options)
    await program.until(() => /^\{"machineUrl"/m.test(program.stdout), 'ready')
    const { machineUrl, publicUrl, adminSocket } = JSON.parse(program.stdout.split('\n')[0] ?? '')
    return {
      program,
      machineUrl,
      publicUrl,
      admin: (path, body, method) => callSocket(adminSocket, path, { body, ...(method !== undefined && { method }) }),
      ready: async () => (await callHttps(`${publicUrl}/ready`)).status,
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}
