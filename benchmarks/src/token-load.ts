import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { cpuSeconds } from './trust-domain.ts'

const IN_FLIGHT = 16
/** So many more bodies are made ahead than were needed the last time. */
const HEADROOM = 1.5

/**
 * One server that gives tokens, and what it did so far. What asks it is as small as can be, since it takes from the same
 * processors: bodies are made before time is taken, connections stay for a slice, of an answer only its end is looked for.
 */
export class TokenLoad {
  /** Requests per second by the wall, a figure a slice. */
  readonly byWall: number[] = []
  /** Milliseconds of each request. */
  readonly latencies: number[] = []
  tokens = 0
  readonly #url: URL
  readonly #pid: number
  readonly #body: () => string
  #ahead = 0

  /** @param body makes the form of the next request */
  constructor(url: string, pid: number, body: () => string) {
    this.#url = new URL(url)
    this.#pid = pid
    this.#body = body
  }

  /** @returns tokens per CPU second of the server */
  async measure(milliseconds: number): Promise<number> {
    // Anew for each slice, before time is taken: servers close those that wait for their turn for long.
    const connections: Connection[] = []
    while (connections.length < IN_FLIGHT) connections.push(await Connection.open(this.#url))
    const bodies = Array.from({ length: this.#ahead }, this.#body)
    const before = cpuSeconds(this.#pid)
    const began = performance.now()
    const end = began + milliseconds
    let tokens = 0
    const ask = async (connection: Connection) => {
      while (performance.now() < end) {
        const body = bodies.pop() ?? this.#body()
        const sent = performance.now()
        await connection.ask(body)
        this.latencies.push(performance.now() - sent)
        tokens += 1
      }
    }
    try {
      await Promise.all(connections.map(ask))
    } finally {
      for (const connection of connections) connection.close()
    }
    const seconds = (performance.now() - began) / 1000
    const used = cpuSeconds(this.#pid) - before
    this.#ahead = Math.ceil(tokens * HEADROOM)
    this.tokens += tokens
    this.byWall.push(tokens / seconds)
    return tokens / used
  }
}

const HEAD_END = '\r\n\r\n'

/** A connection that is kept, and has one request on it at a time. */
class Connection {
  readonly #socket: TLSSocket
  readonly #head: string
  #received = ''
  #done: { resolve(): void; reject(error: Error): void } | undefined

  private constructor(socket: TLSSocket, url: URL) {
    this.#socket = socket
    this.#head =
      `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n` +
      'content-type: application/x-www-form-urlencoded\r\ncontent-length: '
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('close', () => this.#done?.reject(new Error(`${url}: connection was closed`)))
    socket.on('error', (error) => this.#done?.reject(error))
  }

  static async open(url: URL): Promise<Connection> {
    const socket = connect({ host: url.hostname, port: Number(url.port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    return new Connection(socket.setNoDelay(), url)
  }

  /** @throws Error for every answer that is not a token */
  ask(body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#done = { resolve, reject }
      this.#socket.write(`${this.#head}${body.length}${HEAD_END}${body}`, 'latin1')
    })
  }

  close(): void {
    this.#done = undefined
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#received += text
    const head = this.#received.indexOf(HEAD_END)
    if (head < 0) return
    const [, length = 'NaN'] = /\r\ncontent-length: (\d+)\r\n/i.exec(this.#received) ?? []
    const size = head + HEAD_END.length + Number(length)
    if (this.#received.length < size) return
    const answer = this.#received
    this.#received = ''
    const isToken = answer.startsWith('HTTP/1.1 200 ') && answer.length === size && answer.includes('"access_token"')
    if (isToken) this.#done?.resolve()
    else this.#done?.reject(new Error(answer))
  }
}
