import type { Clock } from '@countersign/plugin-kit'
import type { EntryEvents } from '../../registration/entry-events.ts'
import type { EventSink } from '../event-stream.ts'

export interface EntryWatchOptions {
  readonly sink: EventSink
  readonly clock: Clock
  /** The revision until which the watcher knows everything. */
  readonly after: number
  readonly read: (after: number) => Promise<EntryEvents>
  readonly onFailure: (error: unknown) => void
}

/** Changes that come together are told together. */
const DEBOUNCE_MS = 20
const HEARTBEAT_MS = 15_000
/** A peer that has read nothing for this many heartbeats is gone. */
const MAX_STALLED_HEARTBEATS = 4
/**
 * Five minutes. A token, a certificate or a role can end without anybody saying so: the watcher comes back, and is asked
 * anew who it is.
 */
const MAX_HEARTBEATS = 20

/**
 * Tells one watcher what happens to entries. Only how far it was told is kept: a slow one finds the rest in the log, or
 * hears that it is too late.
 */
export class EntryWatch {
  readonly #options: EntryWatchOptions
  #told: number
  #isDirty = true
  #isReading = false
  #isBlocked = false
  #isClosed = false
  #stalledHeartbeats = 0
  #heartbeats = 0
  #cancelFlush: (() => void) | undefined
  #cancelHeartbeat: () => void = () => {}

  constructor(options: EntryWatchOptions) {
    this.#options = options
    this.#told = options.after
    options.sink.onDrain(() => {
      this.#isBlocked = false
      this.#stalledHeartbeats = 0
      void this.#flush()
    })
    // How soon to come back when the connection breaks.
    this.#write('retry: 1000\n')
    this.#mark()
    this.#scheduleHeartbeat()
    void this.#flush()
  }

  /** Some entry has changed. */
  markDirty(): void {
    this.#isDirty = true
    if (this.#isClosed || this.#cancelFlush !== undefined) return
    this.#cancelFlush = this.#options.clock.schedule(DEBOUNCE_MS, () => {
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
    if (this.#isReading || this.#isClosed) return
    this.#isReading = true
    try {
      while (this.#isDirty && !this.#isBlocked && !this.#isClosed) {
        // Before reading: what changes while reading must be read again.
        this.#isDirty = false
        const page = await this.#options.read(this.#told)
        if (this.#isClosed) return
        this.#tell(page)
        if (page.isMore) this.#isDirty = true
      }
    } catch (error) {
      this.#options.onFailure(error)
      this.close()
    } finally {
      this.#isReading = false
    }
  }

  #tell({ events, until, isResync }: EntryEvents): void {
    if (isResync) this.#write(`event: resync\nid: ${until}\ndata: ${JSON.stringify({ revision: until })}\n\n`)
    for (const event of events) {
      this.#write(`event: change\nid: ${event.revision}\ndata: ${JSON.stringify(event)}\n\n`)
    }
    this.#told = until
  }

  #mark(): void {
    this.#write(`event: mark\nid: ${this.#told}\ndata: ${JSON.stringify({ revision: this.#told })}\n\n`)
  }

  #write(text: string): void {
    if (!this.#options.sink.write(text)) this.#isBlocked = true
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#options.clock.schedule(HEARTBEAT_MS, () => {
      if (++this.#heartbeats >= MAX_HEARTBEATS) return this.close()
      if (!this.#isBlocked) this.#mark()
      else if (++this.#stalledHeartbeats >= MAX_STALLED_HEARTBEATS) return this.close()
      this.#scheduleHeartbeat()
    })
  }
}
