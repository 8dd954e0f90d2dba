import { Agent, request } from 'node:https'
import { cpuSeconds } from './trust-domain.ts'

const IN_FLIGHT = 16

/** One server that gives tokens, and what it did so far. */
export class TokenLoad {
  /** Requests per second by the wall, a figure a slice. */
  readonly byWall: number[] = []
  /** Milliseconds of each request. */
  readonly latencies: number[] = []
  tokens = 0
  readonly #url: string
  readonly #pid: number
  readonly #body: () => string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT, rejectUnauthorized: false })

  /** @param body makes the form of the next request */
  constructor(url: string, pid: number, body: () => string) {
    this.#url = url
    this.#pid = pid
    this.#body = body
  }

  /** @returns tokens per CPU second of the server */
  async measure(milliseconds: number): Promise<number> {
    const before = cpuSeconds(this.#pid)
    const began = performance.now()
    const end = began + milliseconds
    let tokens = 0
    const worker = async () => {
      while (performance.now() < end) {
        const body = this.#body()
        const sent = performance.now()
        await this.#ask(body)
        this.latencies.push(performance.now() - sent)
        tokens += 1
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
    this.tokens += tokens
    this.byWall.push((tokens * 1000) / (performance.now() - began))
    return tokens / (cpuSeconds(this.#pid) - before)
  }

  close(): void {
    this.#agent.destroy()
  }

  #ask(body: string): Promise<void> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#url, { method: 'POST', headers, agent: this.#agent }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200 && text.includes('"access_token"')) resolve()
          else reject(new Error(`${this.#url}: ${response.statusCode} ${text}`))
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }
}
