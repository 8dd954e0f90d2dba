import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** What a command is answered with: encoded RESP; `undefined` for silence. */
export type Answerer = (command: readonly string[]) => string | undefined

export const reply = {
  simple: (text: string) => `+${text}\r\n`,
  error: (text: string) => `-${text}\r\n`,
  integer: (number: number) => `:${number}\r\n`,
  bulk: (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`,
}

/**
 * Speaks Redis's wire protocol over real connections and answers as a test wants: late, wrongly, or not at all. What
 * Redis itself promises is not shown with it.
 *
 * @see RESP protocol specification
 */
export class RespServer {
  readonly commands: (readonly string[])[] = []
  answer: Answerer
  readonly #sockets = new Set<Socket>()
  #server: Server
  #port = 0

  constructor(answer: Answerer) {
    this.answer = answer
    this.#server = this.#create()
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** Listens on a free port, and after {@link stop} on the same one. */
  async start(): Promise<this> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Ends every connection and refuses new ones. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    this.#server = this.#create()
  }

  #create(): Server {
    return createServer((socket) => {
      this.#sockets.add(socket)
      let rest = Buffer.alloc(0)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk])
        for (;;) {
          const parsed = parseCommand(rest)
          if (parsed === undefined) return
          rest = rest.subarray(parsed.length)
          this.commands.push(parsed.words)
          const answer = handshake(parsed.words) ?? this.answer(parsed.words)
          if (answer !== undefined) socket.write(answer)
        }
      })
    })
  }
}

/** What a client sends before it is used. An old server knows none of it. */
function handshake([name, second]: readonly string[]): string | undefined {
  if (name === 'HELLO') return reply.error('ERR unknown command')
  if (name === 'CLIENT' && second === 'SETINFO') return reply.error('ERR unknown subcommand')
  if (name === 'PING') return reply.simple('PONG')
  return undefined
}

function parseCommand(bytes: Buffer): { words: readonly string[]; length: number } | undefined {
  let at = 0
  const line = (): string | undefined => {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const text = bytes.toString('latin1', at, end)
    at = end + 2
    return text
  }
  const head = line()
  if (head === undefined) return undefined
  const words: string[] = []
  for (let index = 0; index < Number(head.slice(1)); index++) {
    const size = line()
    if (size === undefined) return undefined
    const length = Number(size.slice(1))
    if (bytes.length < at + length + 2) return undefined
    words.push(bytes.toString('utf8', at, at + length))
    at += length + 2
  }
  return { words, length: at }
}
