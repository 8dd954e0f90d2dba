import type { Clock } from '@countersign/plugin-kit'
import { markText, type SyncAnswer, type SyncClaim, type SyncSent } from '../../registration/sync-state.ts'
import type { EventSink } from '../event-stream.ts'

export interface SyncStreamOptions {
  readonly sink: EventSink
  readonly clock: Clock
  /** Reads what is new against what the agent has. A failure ends the stream. */
  readonly read: (basis: SyncClaim | SyncSent | undefined) => Promise<SyncAnswer>
  /** What the agent says it has from an earlier stream. */
  readonly claim: SyncClaim | undefined
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
 * Sends one agent what is new, at once and whenever something has changed. Nothing is ever queued: while the agent does
 * not keep up, only what it was sent last is remembered, and the fact that there is something new.
 */
export class SyncStream {
  readonly #options: SyncStreamOptions
  #isDirty = false
  #isReading = false
  #isBlocked = false
  #isClosed = false
  #stalledHeartbeats = 0
  #sent: SyncSent | undefined
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
      const answer = await this.#options.read(this.#sent ?? this.#options.claim)
      if (!this.#isClosed) this.#send(answer)
    } catch (error) {
      this.#options.onFailure(error)
      this.close()
    } finally {
      this.#isReading = false
    }
    if (this.#isDirty) this.markDirty()
  }

  /** A change elsewhere raises the revision without changing anything for this agent; that is told by the next heartbeat. */
  #send({ event, data, sent }: SyncAnswer): void {
    const isFirst = this.#sent === undefined
    this.#sent = sent
    if (event !== 'current' || isFirst) this.#write(`event: ${event}\nid: ${sent.revision}\ndata: ${data}\n\n`)
  }

  /** Also lets the agent compare what it has with what it was sent. */
  #heartbeat(): string {
    if (this.#sent === undefined) return ': alive\n\n'
    return `event: current\nid: ${this.#sent.revision}\ndata: ${markText(this.#sent)}\n\n`
  }

  #write(text: string): void {
    if (!this.#options.sink.write(text)) this.#isBlocked = true
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#options.clock.schedule(HEARTBEAT_MS, () => {
      if (this.#options.clock.now() > this.#options.expiresAt) return this.close()
      if (!this.#isBlocked) this.#write(this.#heartbeat())
      else if (++this.#stalledHeartbeats >= MAX_STALLED_HEARTBEATS) return this.close()
      this.#scheduleHeartbeat()
    })
  }
}
