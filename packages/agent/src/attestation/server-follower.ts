import type { NextStep, SyncState } from '@countersign/api'
import type { Clock, Logger } from '@countersign/plugin-kit'
import { retryDelayMs } from '@countersign/workload-api/server'
import type { Pauses } from '../pauses.ts'
import { isDiverged } from '../server-client/server-call-error.ts'
import type { ServerClient } from '../server-client/server-client.ts'
import { CONNECTION_BACKOFF } from './backoff.ts'
import { describe, type Ending, endingOf, textOf } from './call-outcome.ts'
import type { ServerContact } from './server-contact.ts'

export interface ServerFollowerOptions {
  readonly server: ServerClient
  readonly serverUrl: string
  readonly clock: Clock
  readonly pauses: Pauses
  readonly random: () => number
  readonly log: Logger
  readonly contact: ServerContact
  /** How often the agent asks by itself, besides being told. */
  readonly syncIntervalSeconds: number
  /** What has to be done about a failure by somebody else; `helped` when the agent has done it by itself. */
  readonly needAfter: (error: unknown) => Promise<NextStep | 'helped' | undefined>
  readonly onState: (state: SyncState) => void
  /** What the server said in an earlier run. */
  readonly synced?: SyncState | undefined
}

/** A server that ends a stream in good order may have something to say to this agent: that it is banned, for example. */
const AFTER_ORDERLY_END = { firstMs: 250, maxMs: 30_000 }

/** Hears what the server says of this agent: is told, and asks, in case it is not. */
export class ServerFollower {
  readonly #options: ServerFollowerOptions
  #revision = -1
  /** What the server has said; `undefined` when all of it is to be said again. */
  #synced: SyncState | undefined
  #lastSignOfLife = 0
  #restartStream = () => {}

  constructor(options: ServerFollowerOptions) {
    this.#options = options
    this.#synced = options.synced
  }

  /** Has all said again with the next stream. */
  forget(): void {
    this.#synced = undefined
  }

  /** Opens the stream anew: it lasts no longer than the certificate it was opened with. */
  restart(): void {
    this.#restartStream()
  }

  /** Relies on nothing that was heard before. */
  doubt(): void {
    this.#lastSignOfLife = 0
    this.#restartStream()
  }

  /** Is told, until the signal aborts or the server takes the agent for none of its own. */
  async follow(signal: AbortSignal): Promise<Ending | undefined> {
    const { server, clock, pauses, random, log, serverUrl, contact, needAfter } = this.#options
    let failures = 0
    while (!signal.aborted) {
      const stream = new AbortController()
      this.#restartStream = () => stream.abort()
      const stopStream = () => stream.abort()
      signal.addEventListener('abort', stopStream, { once: true })
      let failure: unknown
      try {
        await server.followChanges(
          this.#synced,
          (state) => {
            if (failures > 0 || this.#revision === -1) log.info({ server: serverUrl }, 'connected to the server')
            failures = 0
            this.#accept(state)
          },
          () => {
            this.#lastSignOfLife = clock.now()
            contact.heard()
          },
          stream.signal,
        )
      } catch (error) {
        failure = error
      }
      signal.removeEventListener('abort', stopStream)
      if (signal.aborted) return undefined
      if (stream.signal.aborted) continue
      const ending = endingOf(failure)
      const need = ending === undefined ? await needAfter(failure) : undefined
      if (need === 'helped') continue
      contact.failed(failure, need)
      if (ending !== undefined) return ending
      if (isDiverged(failure)) this.#synced = undefined
      const delayMs = retryDelayMs(failures, failure === undefined ? AFTER_ORDERLY_END : CONNECTION_BACKOFF, random)
      failures += 1
      log.warn(
        { server: serverUrl, ...describe(failure), retryInSeconds: Math.ceil(delayMs / 1000), ...textOf(need) },
        'connection to the server is lost, valid identities are still served',
      )
      const ended = pauses.ended
      await pauses.for(delayMs, signal)
      if (ended !== pauses.ended) failures = 1
    }
    return undefined
  }

  /** Finds out what a stream that silently died does not tell. */
  async askRegularly(signal: AbortSignal): Promise<Ending | undefined> {
    const { server, clock, pauses, syncIntervalSeconds } = this.#options
    for (;;) {
      await pauses.for(syncIntervalSeconds * 1000, signal)
      if (signal.aborted) return undefined
      if (clock.now() - this.#lastSignOfLife < syncIntervalSeconds) continue
      try {
        const state = await server.sync()
        if (signal.aborted) return undefined
        if (state.revision <= this.#revision) continue
        this.#accept(state)
        this.#restartStream()
      } catch (error) {
        const ending = endingOf(error)
        if (ending !== undefined) return ending
        // The stream's own loop says what is wrong with the connection.
      }
    }
  }

  #accept(state: SyncState): void {
    this.#lastSignOfLife = this.#options.clock.now()
    this.#options.contact.heard()
    this.#revision = state.revision
    this.#synced = state
    this.#options.onState(state)
  }
}
