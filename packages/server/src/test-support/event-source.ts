import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { SyncState } from '@countersign/api'
import { onTestFinished } from 'vitest'

/** Follows a stream of `sync` events. */
export class EventSource {
  readonly states: SyncState[] = []
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

  static open(url: string, tls: { key: string; cert: string }): Promise<EventSource> {
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { agent: false, rejectUnauthorized: false, ...tls }, (response) =>
        resolve(new EventSource(response)),
      )
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
      if (lines.includes('event: sync') && data !== undefined) this.states.push(JSON.parse(data.slice(6)))
      if (lines[0]?.startsWith(':')) this.comments++
    }
    this.#wake()
  }
}
