import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { AgentError } from '../agent-error.ts'
import { LogLimit } from '../log-limit.ts'
import type { FetchOutcome } from '../telemetry/agent-recorder.ts'
import { renewalTime } from './renewal-time.ts'

export interface Expiring {
  /** Epoch seconds. */
  readonly expiresAt: number
}

export interface CredentialCacheOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Most credentials kept; the one unused for longest goes first. */
  readonly maxEntries: number
  /** What is kept, for the log. */
  readonly kind: string
  /** Told what came of each attempt. */
  readonly onFetch?: (kind: string, outcome: FetchOutcome, code?: string) => void
}

interface Slot<Credential extends Expiring> {
  current?: { readonly credential: Credential; readonly renewAt: number }
  fetching?: Promise<Credential>
  failures: number
  /** No new attempt before this moment, while the current one is still good. */
  retryAt: number
  /** Nobody has asked since it was to be replaced. */
  isUnused: boolean
}

export interface Cached<Credential> {
  readonly credential: Credential
  /** When to ask again for a fresh one. Epoch seconds. */
  readonly renewAt: number
}

/** How long a caller waits for a renewal while the current credential is still good. */
const RENEWAL_PATIENCE_MS = 2_000
const MAX_RETRY_SECONDS = 60

/**
 * Credentials that are fetched on first use and kept fresh while they are used.
 *
 * - At half-life a caller gets a new one; when the server is away or slow, the current one until it expires.
 * - Callers that ask at the same time share one request.
 * - An expired credential is never returned.
 */
export class CredentialCache<Credential extends Expiring> {
  readonly #options: CredentialCacheOptions
  readonly #logLimit: LogLimit
  readonly #slots = new Map<string, Slot<Credential>>()
  readonly #listeners = new Set<(keys: readonly string[]) => void>()

  constructor(options: CredentialCacheOptions) {
    this.#options = options
    this.#logLimit = new LogLimit(options.clock)
  }

  get size(): number {
    return this.#slots.size
  }

  /** Whether there is a credential that has not ended. */
  get hasValid(): boolean {
    const now = this.#options.clock.now()
    for (const { current } of this.#slots.values()) {
      if (current !== undefined && current.credential.expiresAt > now) return true
    }
    return false
  }

  /** Called with the keys of credentials that replaced others, or are to be replaced. @returns stops telling */
  subscribe(listener: (keys: readonly string[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets what is no longer worth anything, and does not keep what is being fetched: it may not be either. */
  forget(isWorthless: (credential: Credential) => boolean): void {
    for (const [key, { current, failures, retryAt, isUnused }] of [...this.#slots]) {
      if (current === undefined || isWorthless(current.credential)) this.#slots.delete(key)
      else this.#slots.set(key, { current, failures, retryAt, isUnused })
    }
  }

  /** Has renewed, with its next use, what is to be replaced, and tells those who use it. Until then it is served. */
  expedite(isToBeReplaced: (credential: Credential) => boolean): void {
    const found: string[] = []
    for (const [key, slot] of this.#slots) {
      if (slot.current === undefined || !isToBeReplaced(slot.current.credential)) continue
      slot.current = { ...slot.current, renewAt: 0 }
      slot.retryAt = 0
      slot.isUnused = true
      found.push(key)
    }
    if (found.length > 0) this.#tell(found)
  }

  /** Forgets what was expedited and what nobody has asked for since. */
  forgetUnused(isToBeReplaced: (credential: Credential) => boolean): void {
    for (const [key, { current, isUnused }] of [...this.#slots]) {
      if (current !== undefined && isUnused && isToBeReplaced(current.credential)) this.#slots.delete(key)
    }
  }

  count(matches: (credential: Credential) => boolean): number {
    let count = 0
    for (const { current } of this.#slots.values()) if (current !== undefined && matches(current.credential)) count++
    return count
  }

  /**
   * @param key names the credential; everything that shapes it must be part of it
   * @throws what `fetch` threw, when there is no credential that is still good
   */
  async get(key: string, fetch: () => Promise<Credential>): Promise<Cached<Credential>> {
    const now = this.#options.clock.now()
    const slot = this.#touch(key)
    const current = slot.current
    if (current === undefined || current.credential.expiresAt <= now) {
      await this.#fetch(key, slot, fetch)
    } else if (current.renewAt <= now && slot.retryAt <= now) {
      await this.#patiently(this.#fetch(key, slot, fetch))
    }
    return this.#answer(slot)
  }

  #answer(slot: Slot<Credential>): Cached<Credential> {
    const now = this.#options.clock.now()
    const current = slot.current
    if (current === undefined || current.credential.expiresAt <= now) {
      throw new AgentError('ERR_AGENT_CREDENTIAL', 'credential has expired and could not be renewed')
    }
    const { credential } = current
    return { credential, renewAt: Math.min(credential.expiresAt, Math.max(current.renewAt, slot.retryAt)) }
  }

  /** Marks as used, making room when it is new. */
  #touch(key: string): Slot<Credential> {
    const slot = this.#slots.get(key) ?? { failures: 0, retryAt: 0, isUnused: false }
    slot.isUnused = false
    this.#slots.delete(key)
    this.#slots.set(key, slot)
    const [oldest] = this.#slots.keys()
    if (this.#slots.size > this.#options.maxEntries && oldest !== undefined) this.#slots.delete(oldest)
    return slot
  }

  #fetch(key: string, slot: Slot<Credential>, fetch: () => Promise<Credential>): Promise<Credential> {
    slot.fetching ??= this.#fetchOnce(key, slot, fetch).finally(() => {
      delete slot.fetching
    })
    return slot.fetching
  }

  async #fetchOnce(key: string, slot: Slot<Credential>, fetch: () => Promise<Credential>): Promise<Credential> {
    const { clock, random, kind, onFetch } = this.#options
    try {
      const credential = await fetch()
      const isRenewal = slot.current !== undefined
      onFetch?.(kind, isRenewal ? 'renewed' : 'issued')
      slot.current = { credential, renewAt: renewalTime(clock.now(), credential.expiresAt, random()) }
      slot.failures = 0
      slot.retryAt = 0
      if (isRenewal) this.#tell([key])
      return credential
    } catch (error) {
      slot.failures += 1
      const delay = Math.min(MAX_RETRY_SECONDS, 2 ** Math.min(slot.failures, 10)) * (0.5 + random() / 2)
      slot.retryAt = clock.now() + Math.ceil(delay)
      // Nothing to keep for later: a slot that only holds a failure would push out good ones.
      if (slot.current === undefined && this.#slots.get(key) === slot) this.#slots.delete(key)
      const code = errorCode(error)
      onFetch?.(kind, 'failed', code ?? '')
      const admitted = this.#logLimit.admit(String(code))
      if (admitted !== undefined) {
        const fields = { kind, code, retryInSeconds: Math.ceil(delay), ...admitted }
        this.#options.log.warn(fields, 'credential could not be fetched')
      }
      throw error
    }
  }

  #tell(keys: readonly string[]): void {
    for (const listener of [...this.#listeners]) listener(keys)
  }

  /** Waits for a renewal, but not for a server that hangs: the caller has a good credential meanwhile. */
  #patiently(renewal: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.schedule(RENEWAL_PATIENCE_MS, resolve)
      const finish = () => {
        cancel()
        resolve()
      }
      renewal.then(finish, finish)
    })
  }
}
