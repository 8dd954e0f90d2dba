import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import type { Authorities } from './authorities.ts'
import type { UpstreamLink } from './upstream-link.ts'

export interface UpstreamFollowerOptions {
  readonly link: UpstreamLink
  readonly authorities: Authorities
  readonly clock: Clock
  readonly log: Logger
}

/** As SPIRE asks its upstream. A root that is withdrawn above must not be believed here for long. */
const FOLLOW_SECONDS = 5

/** Asks the upstream again and again, in its own time: one that hangs must not hold up anything else. */
export class UpstreamFollower {
  readonly #options: UpstreamFollowerOptions
  #cancel: () => void = () => {}
  #round: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: UpstreamFollowerOptions) {
    this.#options = options
    // What else is believed above should be here before the first agent is.
    this.#schedule(0)
  }

  /** Resolves when nothing is asked any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#round
  }

  #schedule(seconds: number): void {
    this.#cancel = this.#options.clock.schedule(seconds * 1000, () => {
      this.#round = this.#follow().finally(() => {
        if (!this.#isStopped) this.#schedule(FOLLOW_SECONDS)
      })
    })
  }

  async #follow(): Promise<void> {
    const { link, authorities, log } = this.#options
    try {
      const isNews = await link.follow(authorities.list())
      link.status.succeeded('bundle')
      if (isNews) await authorities.tick()
    } catch (error) {
      if (errorCode(error)?.startsWith('ERR_UPSTREAM_AUTHORITY_')) {
        const active = authorities.list().find(({ kind, state }) => kind === 'x509' && state === 'active')
        link.status.failed('bundle', error, active)
      } else {
        log.error({ code: errorCode(error), err: error }, 'upstream cannot be followed')
      }
    }
  }
}
