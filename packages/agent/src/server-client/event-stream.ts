import { StringDecoder } from 'node:string_decoder'
import { ServerCallError } from './server-call-error.ts'

/** One event of a `text/event-stream`. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
}

/**
 * Reads server-sent events, piece by piece.
 *
 * @see WHATWG HTML section 9.2.6
 */
export class EventStreamParser {
  readonly #maxEventBytes: number
  readonly #decoder = new StringDecoder('utf8')
  #line = ''
  #event = ''
  #data: string[] = []
  #size = 0
  #skipLineFeed = false

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes
  }

  /**
   * @returns the events that this piece completed
   * @throws ServerCallError `ERR_AGENT_SERVER_RESPONSE` when an event grows over the limit
   */
  push(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = []
    let text = this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    // A CR LF may be cut between two pieces.
    if (this.#skipLineFeed && text.startsWith('\n')) text = text.slice(1)
    if (text !== '') this.#skipLineFeed = text.endsWith('\r')
    const lines = text.split(/\r\n|\r|\n/)
    const rest = lines.pop() ?? ''
    for (const line of lines) {
      const event = this.#endLine(this.#line + line)
      this.#line = ''
      if (event !== undefined) events.push(event)
    }
    this.#line += rest
    this.#limit(this.#line.length)
    return events
  }

  #endLine(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.#event = value
    if (name === 'data') {
      this.#data.push(value)
      this.#size += value.length + 1
      this.#limit(0)
    }
    return undefined
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = { event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0
    this.#event = ''
    this.#data = []
    this.#size = 0
    return isEmpty ? undefined : event
  }

  #limit(pending: number): void {
    if (this.#size + pending > this.#maxEventBytes) {
      throw new ServerCallError('ERR_AGENT_SERVER_RESPONSE', `event is larger than ${this.#maxEventBytes} bytes`)
    }
  }
}
