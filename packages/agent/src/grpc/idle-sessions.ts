import type { Http2Session, ServerHttp2Stream } from 'node:http2'
import type { Clock } from '@countersign/plugin-kit'

const MAX_IDLE_SECONDS = 600
const LOOK_EVERY_MS = 60_000

/** Closes connections over which no call has been open for long: clients connect again when they need to. */
export class IdleSessions {
  readonly #clock: Clock
  readonly #usages = new Map<Http2Session, Usage>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(session: Http2Session): void {
    this.#usages.set(session, new Usage(this.#clock))
    this.#schedule()
  }

  delete(session: Http2Session): void {
    this.#usages.delete(session)
    if (this.#usages.size === 0) this.close()
  }

  /** Counts a call in, and out when it is closed. */
  count(stream: ServerHttp2Stream): void {
    const usage = stream.session && this.#usages.get(stream.session)
    if (usage === undefined) return
    usage.openCalls += 1
    stream.once('close', usage.countOut)
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** One timer for all. */
  #schedule(): void {
    this.#cancel ??= this.#clock.schedule(LOOK_EVERY_MS, () => {
      this.#cancel = undefined
      const longAgo = this.#clock.now() - MAX_IDLE_SECONDS
      for (const [session, { openCalls, idleSince }] of this.#usages) {
        if (openCalls === 0 && idleSince <= longAgo) session.close()
      }
      if (this.#usages.size > 0) this.#schedule()
    })
  }
}

class Usage {
  openCalls = 0
  /** Epoch seconds. */
  idleSince: number
  readonly countOut: () => void

  constructor(clock: Clock) {
    this.idleSince = clock.now()
    this.countOut = () => {
      this.openCalls -= 1
      this.idleSince = clock.now()
    }
  }
}
