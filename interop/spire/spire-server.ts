import type { ChildProcess } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasExited, type Processes, stopProcess } from '../support/processes.ts'
import { until } from './until.ts'

/** How SPIRE's own bundle endpoint proves itself. */
export type ServedProfile =
  | { readonly profile: 'https_spiffe' }
  | { readonly profile: 'https_web'; readonly certificate: string; readonly key: string }

export interface SpireServerOptions {
  readonly binary: string
  /** For state, configuration and log; kept over a restart. */
  readonly folder: string
  readonly trustDomain: string
  readonly port: number
  readonly bundlePort: number
  /** PEM file that takes the place of the system's web roots. */
  readonly webRootsFile: string
}

const COMMAND_TIMEOUT_MS = 15_000
const READY_PATIENCE_MS = 60_000
const TAIL_LINES = 15

/** A real SPIRE server, spoken to by its own command as an operator would. */
export class SpireServer {
  readonly #processes: Processes
  readonly #options: SpireServerOptions
  #running: ChildProcess | undefined

  constructor(processes: Processes, options: SpireServerOptions) {
    this.#processes = processes
    this.#options = options
  }

  get trustDomain(): string {
    return this.#options.trustDomain
  }

  get bundleEndpointUrl(): string {
    return `https://127.0.0.1:${this.#options.bundlePort}/`
  }

  get port(): number {
    return this.#options.port
  }

  get logFile(): string {
    return join(this.#options.folder, 'server.log')
  }

  /** Starts it, again where it has run before, and waits until it is ready. */
  async start(served: ServedProfile): Promise<void> {
    const { binary, folder, webRootsFile } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const config = join(folder, 'server.conf')
    await writeFile(config, JSON.stringify(this.#config(served)))
    const server = this.#processes.start(binary, ['run', '-config', config], {
      logFile: this.logFile,
      env: { SSL_CERT_FILE: webRootsFile },
    })
    this.#running = server
    await until('SPIRE server', READY_PATIENCE_MS, async () => {
      if (hasExited(server)) throw new Error(`SPIRE server ended before it was ready: ${await tailOf(this.logFile)}`)
      return this.command('healthcheck').catch(() => undefined)
    })
  }

  async stop(): Promise<void> {
    if (this.#running !== undefined) await stopProcess(this.#running)
  }

  /**
   * Runs `spire-server` with these words.
   *
   * @returns what it printed
   * @throws Error with what it said when it refused
   */
  async command(...words: readonly string[]): Promise<string> {
    const args = [...words, '-socketPath', this.#socket]
    const { exitCode, stdout, stderr } = await this.#processes.run(this.#options.binary, args, {
      timeoutMs: COMMAND_TIMEOUT_MS,
    })
    if (exitCode !== 0)
      throw new Error(`spire-server ${words.slice(0, 2).join(' ')}: ${stderr.trim() || stdout.trim()}`)
    return stdout
  }

  /** The bundle as SPIRE itself states it. */
  async bundle(): Promise<{ keys: Record<string, unknown>[] }> {
    return JSON.parse(await this.command('bundle', 'show', '-format', 'spiffe'))
  }

  get #socket(): string {
    return join(this.#options.folder, 'api.sock')
  }

  #config(served: ServedProfile): object {
    const { folder, trustDomain, port, bundlePort } = this.#options
    const web = served.profile === 'https_web' && {
      // The interval has a default in SPIRE's reference, and its server does not start without one.
      serving_cert_file: [{ cert_file_path: served.certificate, key_file_path: served.key, file_sync_interval: '1h' }],
    }
    return {
      server: {
        bind_address: '127.0.0.1',
        bind_port: String(port),
        socket_path: this.#socket,
        trust_domain: trustDomain,
        data_dir: folder,
        log_level: 'DEBUG',
        federation: {
          bundle_endpoint: {
            address: '127.0.0.1',
            port: bundlePort,
            // The shortest that our side takes at its word.
            refresh_hint: '10s',
            profile: [{ [served.profile]: web || {} }],
          },
        },
        experimental: { cache_reload_interval: '1s' },
      },
      plugins: {
        DataStore: [
          {
            sql: {
              plugin_data: { database_type: 'sqlite3', connection_string: join(folder, 'datastore.sqlite3') },
            },
          },
        ],
        NodeAttestor: [{ join_token: { plugin_data: {} } }],
        KeyManager: [{ disk: { plugin_data: { keys_path: join(folder, 'keys.json') } } }],
      },
    }
  }
}

/** The end of a log, for a failure. */
export async function tailOf(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}
