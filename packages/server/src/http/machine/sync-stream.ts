import { hash } from 'node:crypto'
import type { SyncState } from '@countersign/api'
import type { Clock } from '@countersign/plugin-kit'

/** Where events go: the response of one request. */
export interface EventSink {
  /** @returns false when the peer does not keep up: write nothing more until `onDrain` is called */
  write(text: string): boolean
  onDrain(run: () => void): void
  end(): void
}

export interface SyncStreamOptions {
  readonly sink: EventSink
  readonly clock: Clock
  /** Reads the newest state. A failure ends the stream. */
  readonly read: () => Promise<SyncState>
  /** The last second in which the caller's certificate is good, and so is the stream. */
  readonly expiresAt: number
  readonly onFailure: (error: unknown) => void
}

/** Changes that come together are sent together. */
const DEBOUNCE_MS = 20
const HEARTBEAT_MS = 15_000
/** A peer that has read nothing for this many heartbeats is gone. */
const MAX_STALLED_HEARTBEATS = 4

/**
 * Sends one agent its newest state, at once and whenever it has changed. Nothing is ever queued: while the agent does
 * not keep up, only the fact that there is something new is kept.
 */
export class SyncStream {
  readonly #options: SyncStreamOptions
  #isDirty = false
  #isReading = false
  #isBlocked = false
  #isClosed = false
  #stalledHeartbeats = 0
  /** SHA-256 of what was sent last: the text itself would be kept for every agent for hours. */
  #sentHash: string | undefined
  #cancelFlush: (() => void) | undefined
  #isFlushPutOff = false
  #cancelHeartbeat: () => void = () => {}

  constructor(options: SyncStreamOptions) {
    this.#options = options
    options.sink.onDrain(() => {
      this.#isBlocked = false
      this.#stalledHeartbeats = 0
      void this.#flush()
    })
    this.#scheduleHeartbeat()
    this.#isDirty = true
    void this.#flush()
  }

  /**
   * Something that concerns the agent may have changed.
   *
   * @param delayMs how much later to look, when all agents are told at once; a change that is this agent's own does not wait
   */
  markDirty(delayMs = 0): void {
    this.#isDirty = true
    const isPutOff = delayMs > 0
    if (this.#isClosed || (this.#cancelFlush !== undefined && (isPutOff || !this.#isFlushPutOff))) return
    this.#cancelFlush?.()
    this.#isFlushPutOff = isPutOff
    this.#cancelFlush = this.#options.clock.schedule(DEBOUNCE_MS + delayMs, () => {
      this.#cancelFlush = undefined
      void this.#flush()
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelFlush?.()
    this.#cancelHeartbeat()
    this.#options.sink.end()
  }

  async #flush(): Promise<void> {
    if (!this.#isDirty || this.#isReading || this.#isBlocked || this.#isClosed) return
    this.#isReading = true
    try {
      // Before reading: what changes while reading must be read again.
      this.#isDirty = false
      const state = await this.#options.read()
      if (!this.#isClosed) this.#send(state)
    } catch (error) {
      this.#options.onFailure(error)
      this.close()
    } finally {
      this.#isReading = false
    }
    if (this.#isDirty) this.markDirty()
  }

  /** A change elsewhere raises the revision without changing anything for this agent; that is not sent. */
  #send(state: SyncState): void {
    const { revision, ...content } = state
    const text = JSON.stringify(content)
    const textHash = hash('sha256', text, 'base64')
    if (textHash === this.#sentHash) return
    this.#sentHash = textHash
    // Put in front of the text that is there already: states can be large.
    this.#write(`event: sync\nid: ${revision}\ndata: {"revision":${revision},${text.slice(1)}\n\n`)
  }

  #write(text: string): void {
    if (!this.#options.sink.write(text)) this.#isBlocked = true
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#options.clock.schedule(HEARTBEAT_MS, () => {
      if (this.#options.clock.now() > this.#options.expiresAt) return this.close()
      if (!this.#isBlocked) this.#write(': alive\n\n')
      else if (++this.#stalledHeartbeats >= MAX_STALLED_HEARTBEATS) return this.close()
      this.#scheduleHeartbeat()
    })
  }
}
