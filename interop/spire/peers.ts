import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Processes } from '../support/processes.ts'
import { until } from './until.ts'

/** A program with an identity: which one, whose agent gives it, and how to start it. */
export interface Peer {
  /** For people: `sdk on SPIRE's agent`. */
  readonly name: string
  /** What it is written with. */
  readonly program: 'sdk' | 'go-spiffe'
  readonly spiffeId: string
  readonly command: readonly [string, ...string[]]
  readonly endpointSocket: string
}

/** What one question came to: whom the service saw, by certificate and by token, and who had signed what. */
export interface Answer {
  readonly ok: boolean
  readonly error?: string
  readonly tls?: string
  readonly jwt?: string
  /** Identifier of the key that signed the service's certificate. */
  readonly authority?: string
  /** Identifier of the key that signed the caller's token. */
  readonly key?: string
}

/** Answers that keep coming. */
export interface Questions {
  readonly answers: () => Promise<readonly Answer[]>
}

const SERVICE_PATIENCE_MS = 45_000
const ASK_TIMEOUT_MS = 60_000

/** Starts workloads of both sides, as services and as callers of each other. */
export class Peers {
  readonly #processes: Processes
  readonly #folder: string

  constructor(processes: Processes, folder: string) {
    this.#processes = processes
    this.#folder = folder
  }

  /** Starts a service that only `caller` may use. @returns its host and port, once it has its identity */
  async serve(peer: Peer, caller: Peer): Promise<string> {
    const logFile = this.#start(peer, ['--peer', caller.spiffeId])
    const port = await until(`service: ${peer.name}`, SERVICE_PATIENCE_MS, async () => {
      const [line] = (await linesOf(logFile)) as { port?: number }[]
      return line?.port
    })
    return `127.0.0.1:${port}`
  }

  /** Asks once. @param expected whom the service has to be */
  async ask(peer: Peer, address: string, expected: string): Promise<Answer> {
    const [program, ...args] = peer.command
    const { stdout, stderr } = await this.#processes.run(program, [...args, '--peer', expected, '--to', address], {
      env: environment(peer),
      timeoutMs: ASK_TIMEOUT_MS,
    })
    const line = stdout.trim()
    return line === '' ? { ok: false, error: stderr.trim() } : (JSON.parse(line) as Answer)
  }

  /** Asks again and again, until everything ends. */
  keepAsking(peer: Peer, address: string, service: Peer, everyMs: number): Questions {
    const often = ['--count', '0', '--every-ms', String(everyMs)]
    const logFile = this.#start(peer, ['--peer', service.spiffeId, '--to', address, ...often])
    return { answers: async () => (await linesOf(logFile)) as Answer[] }
  }

  #start(peer: Peer, further: readonly string[]): string {
    const [program, ...args] = peer.command
    const logFile = join(this.#folder, `peer-${randomUUID()}.log`)
    this.#processes.start(program, [...args, ...further], { logFile, env: environment(peer) })
    return logFile
  }
}

function environment({ endpointSocket }: Peer): Record<string, string> {
  return { SPIFFE_ENDPOINT_SOCKET: endpointSocket }
}

/** The whole lines of JSON that a program has printed so far, among what else it says. */
async function linesOf(logFile: string): Promise<unknown[]> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    return [JSON.parse(line) as unknown]
  })
}
