import type { Clock, Logger } from '@countersign/plugin-kit'
import { errorCode } from '@countersign/protocol'
import { AgentError } from '../agent-error.ts'
import { LogLimit } from '../log-limit.ts'
import { settledWithin } from '../pause.ts'
import type { FetchOutcome } from '../telemetry/agent-recorder.ts'
import { type Dated, dated, type Expiring, type Held, lifetimeOf, retrySeconds } from './held-credential.ts'

export interface CredentialCacheOptions<Credential> {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
  /** Most credentials kept; the one unused for longest goes first. */
  readonly maxEntries: number
  /** What is kept, for the log. */
  readonly kind: string
  /** Told what came of each attempt. */
  readonly onFetch?: (kind: string, outcome: FetchOutcome, code?: string) => void
  /** Gets the credential of a key. */
  readonly fetch: (key: string) => Promise<Credential>
  /** Called when something else is kept than before. */
  readonly onChange?: () => void
}

interface Slot<Credential extends Expiring> {
  current?: Dated<Credential>
  fetching?: Promise<Credential>
  failures: number
  /** No new attempt before this moment, while the current one is still good. */
  retryAt: number
  /** When somebody asked for it last. */
  usedAt: number
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
/** Fetches ahead of need, of one kind: those that programs wait for come first. */
const MAX_AHEAD = 4

/**
 * Credentials that are fetched on first use and kept fresh while they are used.
 *
 * - At half-life those in use are renewed, whether somebody asks just then or not; when the server is away or slow, the
 *   current one serves until it ends.
 * - In use is what somebody asked for within one lifetime. What nobody asks for is neither renewed nor kept beyond its end.
 * - Callers that ask at the same time share one request.
 * - An expired credential is never returned.
 */
export class CredentialCache<Credential extends Expiring> {
  readonly #options: CredentialCacheOptions<Credential>
  readonly #logLimit: LogLimit
  readonly #slots = new Map<string, Slot<Credential>>()
  readonly #listeners = new Set<(keys: readonly string[]) => void>()
  #ahead = 0

  constructor(options: CredentialCacheOptions<Credential>) {
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
      if (current !== undefined && current.goodUntil > now) return true
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
    for (const [key, { current, failures, retryAt, usedAt, isUnused }] of [...this.#slots]) {
      if (current === undefined || isWorthless(current.credential)) this.#slots.delete(key)
      else this.#slots.set(key, { current, failures, retryAt, usedAt, isUnused })
    }
    this.#options.onChange?.()
  }

  /** Forgets the keys that are not to be kept. */
  keep(isKept: (key: string) => boolean): void {
    const gone = [...this.#slots.keys()].filter((key) => !isKept(key))
    for (const key of gone) this.#slots.delete(key)
    if (gone.length > 0) this.#options.onChange?.()
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
    this.#options.onChange?.()
  }

  count(matches: (credential: Credential) => boolean): number {
    let count = 0
    for (const { current } of this.#slots.values()) if (current !== undefined && matches(current.credential)) count++
    return count
  }

  /**
   * Renews what is due and in use, and drops what has ended and is not. To be called every few seconds: what is due is
   * judged by the time it is then, not by timers, which stand still while a machine sleeps.
   */
  tend(): void {
    const now = this.#options.clock.now()
    for (const [key, slot] of this.#slots) {
      const { current } = slot
      if (current === undefined || current.renewAt > now || slot.fetching !== undefined) continue
      const isInUse = now - slot.usedAt < lifetimeOf(current.credential)
      if (!isInUse && current.goodUntil <= now) {
        this.#slots.delete(key)
        this.#options.onChange?.()
      }
      if (!isInUse || slot.retryAt > now || this.#ahead >= MAX_AHEAD) continue
      this.#ahead += 1
      const done = () => {
        this.#ahead -= 1
      }
      this.#fetch(key, slot).then(done, done)
    }
  }

  /**
   * Takes note that the clock was set, or that the machine slept. Sleep is no time in which nobody wanted a credential. A
   * clock that was set back gives no credential a longer life, and all are renewed: what they were measured by was wrong.
   *
   * @param seconds by how much the time is another than the one that passed
   */
  shift(seconds: number): void {
    const due: string[] = []
    for (const [key, slot] of this.#slots) {
      slot.usedAt += seconds
      slot.retryAt = 0
      const { current } = slot
      if (seconds >= 0 || current === undefined) continue
      slot.current = { ...current, renewAt: 0, goodUntil: current.goodUntil + seconds }
      due.push(key)
    }
    if (due.length > 0) this.#tell(due)
  }

  /** What is kept, the one unused for longest first. */
  held(): readonly (Held<Credential> & { readonly key: string })[] {
    return [...this.#slots].flatMap(([key, { current, usedAt }]) =>
      current === undefined ? [] : [{ ...current, key, usedAt }],
    )
  }

  /** Puts back what {@link held} gave in an earlier run, unless it has ended. */
  restore(key: string, { credential, renewAt, goodUntil, usedAt }: Held<Credential>): void {
    if (this.#slots.has(key) || goodUntil <= this.#options.clock.now()) return
    this.#slots.set(key, {
      ...{ current: { credential, renewAt, goodUntil }, failures: 0, retryAt: 0, usedAt, isUnused: false },
    })
    this.#makeRoom()
  }

  /**
   * @param key names the credential; everything that shapes it must be part of it
   * @throws what `fetch` threw, when there is no credential that is still good
   */
  async get(key: string): Promise<Cached<Credential>> {
    const { clock } = this.#options
    const now = clock.now()
    const slot = this.#touch(key)
    const current = slot.current
    if (current === undefined || current.goodUntil <= now) {
      await this.#fetch(key, slot)
    } else if (current.renewAt <= now && slot.retryAt <= now) {
      // Not for a server that hangs: the caller has a good credential meanwhile.
      await settledWithin(clock, RENEWAL_PATIENCE_MS, this.#fetch(key, slot))
    }
    return this.#answer(slot)
  }

  #answer(slot: Slot<Credential>): Cached<Credential> {
    const now = this.#options.clock.now()
    const current = slot.current
    if (current === undefined || current.goodUntil <= now) {
      throw new AgentError('ERR_AGENT_CREDENTIAL', 'credential has expired and could not be renewed')
    }
    const { credential, goodUntil, renewAt } = current
    return { credential, renewAt: Math.min(goodUntil, Math.max(renewAt, slot.retryAt)) }
  }

  /** Marks as used, making room when it is new. */
  #touch(key: string): Slot<Credential> {
    const slot = this.#slots.get(key) ?? { failures: 0, retryAt: 0, usedAt: 0, isUnused: false }
    slot.isUnused = false
    slot.usedAt = this.#options.clock.now()
    this.#slots.delete(key)
    this.#slots.set(key, slot)
    this.#makeRoom()
    return slot
  }

  #makeRoom(): void {
    const [oldest] = this.#slots.keys()
    if (this.#slots.size > this.#options.maxEntries && oldest !== undefined) this.#slots.delete(oldest)
  }

  #fetch(key: string, slot: Slot<Credential>): Promise<Credential> {
    slot.fetching ??= this.#fetchOnce(key, slot).finally(() => {
      delete slot.fetching
    })
    return slot.fetching
  }

  async #fetchOnce(key: string, slot: Slot<Credential>): Promise<Credential> {
    const { clock, random, kind, fetch, onFetch, onChange } = this.#options
    try {
      const credential = await fetch(key)
      const isRenewal = slot.current !== undefined
      onFetch?.(kind, isRenewal ? 'renewed' : 'issued')
      slot.current = dated(credential, clock.now(), random())
      slot.failures = 0
      slot.retryAt = 0
      onChange?.()
      if (isRenewal) this.#tell([key])
      return credential
    } catch (error) {
      slot.failures += 1
      const retryInSeconds = retrySeconds(slot.failures, random())
      slot.retryAt = clock.now() + retryInSeconds
      // Nothing to keep for later: a slot that only holds a failure would push out good ones.
      if (slot.current === undefined && this.#slots.get(key) === slot) this.#slots.delete(key)
      const code = errorCode(error)
      onFetch?.(kind, 'failed', code ?? '')
      const admitted = this.#logLimit.admit(String(code))
      if (admitted !== undefined) {
        const fields = { kind, code, retryInSeconds, ...admitted }
        this.#options.log.warn(fields, 'credential could not be fetched')
      }
      throw error
    }
  }

  #tell(keys: readonly string[]): void {
    for (const listener of [...this.#listeners]) listener(keys)
  }
}
