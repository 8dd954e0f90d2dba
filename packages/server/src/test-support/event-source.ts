import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { SyncedState, type SyncState } from '@countersign/api'
import { onTestFinished } from 'vitest'

/** Follows the stream of an agent. */
export class EventSource {
  /** After each event that said something new. */
  readonly states: SyncState[] = []
  /** Names of all events, oldest first. */
  readonly names: string[] = []
  /** Data of the newest event, as it came. */
  data = ''
  /** Whether every change fitted what came before. */
  isTrue = true
  #synced: SyncedState | undefined
  readonly response: IncomingMessage
  comments = 0
  isEnded = false
  #text = ''
  #wake: () => void = () => {}

  private constructor(response: IncomingMessage) {
    this.response = response
    response.setEncoding('utf8')
    response.on('data', (text: string) => this.#read(text))
    const end = () => {
      this.isEnded = true
      this.#wake()
    }
    response.on('end', end)
    response.on('error', end)
    response.on('close', end)
  }

  /** @param known what the agent says it has */
  static open(url: string, tls: { key: string; cert: string }, known?: SyncState): Promise<EventSource> {
    return new Promise((resolve, reject) => {
      const synced = known && new SyncedState(known)
      const query = synced && new URLSearchParams({ after: String(synced.state.revision), digest: synced.digest })
      const address = query === undefined ? url : `${url}?${query}`
      const outgoing = request(address, { agent: false, rejectUnauthorized: false, ...tls }, (response) => {
        const source = new EventSource(response)
        source.#synced = synced
        resolve(source)
      })
      outgoing.on('error', reject)
      outgoing.end()
      onTestFinished(() => {
        outgoing.destroy()
      })
    })
  }

  /** Waits until `condition` holds for what has arrived. */
  async until(condition: (source: EventSource) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.isEnded) throw new Error('event stream ended')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async ended(): Promise<void> {
    while (!this.isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #read(text: string): void {
    this.#text += text
    for (let end = this.#text.indexOf('\n\n'); end !== -1; end = this.#text.indexOf('\n\n')) {
      const lines = this.#text.slice(0, end).split('\n')
      this.#text = this.#text.slice(end + 2)
      const data = lines.find((line) => line.startsWith('data: '))
      const event = lines.find((line) => line.startsWith('event: '))
      if (event !== undefined && data !== undefined) this.#take(event.slice(7), data.slice(6))
      if (lines[0]?.startsWith(':')) this.comments++
    }
    this.#wake()
  }

  #take(name: string, data: string): void {
    this.names.push(name)
    this.data = data
    const value = JSON.parse(data)
    if (name === 'sync') this.#synced = new SyncedState(value)
    else if (name === 'change') this.isTrue = this.#synced?.apply(value) === true && this.isTrue
    else if (this.#synced !== undefined) this.isTrue = this.#synced.confirm(value) && this.isTrue
    if (name !== 'current' && this.#synced !== undefined) this.states.push(this.#synced.state)
  }
}
