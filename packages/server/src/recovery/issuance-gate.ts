import type { Clock, Logger } from '@countersign/plugin-kit'
import type { Audit } from '../audit/audit.ts'
import type { HoldCause, LostCertificate, RecoveryStore, RestoredHold } from '../store/recovery-store.ts'
import type { HighWater, HighWaterMark } from './high-water-mark.ts'
import { HoldError } from './hold-error.ts'
import { type ClockFault, judgeClock } from './judge-clock.ts'

export type HoldReason = 'restore' | 'clock'

/** Why nothing is issued, for an operator. */
export interface Hold {
  readonly reason: HoldReason
  readonly code: 'ERR_HOLD_RESTORED' | 'ERR_HOLD_CLOCK'
  readonly message: string
  /** What to do next. */
  readonly next: string
  readonly since?: number
}

export interface IssuanceGateOptions {
  readonly mark: HighWaterMark
  readonly store: RecoveryStore
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Logger
}

/** So far apart are the times that are written down while nothing but time passes. Seconds. */
const TIME_STEP = 5
/** Where nothing tells how far the lost revisions went: beyond the next number of this size. Nobody makes so many changes. */
const LEAP = 1_000_000_000

/**
 * Whether the server may sign for others. Closed while its memory may be older than what it has issued, and while its clock
 * shows what cannot be true.
 */
export class IssuanceGate {
  readonly #options: IssuanceGateOptions
  readonly #onClosed = new Set<() => void>()
  readonly #onResumed = new Set<() => void>()
  #restored: RestoredHold | undefined
  #reported: ClockFault | undefined
  #newest: number

  private constructor(options: IssuanceGateOptions) {
    this.#options = options
    this.#newest = options.mark.present.time
  }

  /**
   * Compares the store with the high-water mark; before anything else is read from the store, or written.
   *
   * @param revision of the store as it was found
   */
  static async open(options: IssuanceGateOptions, revision: number): Promise<IssuanceGate> {
    const gate = new IssuanceGate(options)
    const { mark, store } = options
    gate.#restored = await store.hold()
    if (mark.found !== undefined && revision < mark.found.revision) await gate.#close('rolled-back')
    else {
      mark.reserve(revision)
      mark.note(revision)
    }
    if (gate.#restored !== undefined) gate.#tell(gate.#restored)
    gate.clockIsRight()
    return gate
  }

  highWater(): HighWater {
    return this.#options.mark.present
  }

  /** Called when issuance is put on hold while the server runs. */
  onClosed(listener: () => void): () => void {
    this.#onClosed.add(listener)
    return () => this.#onClosed.delete(listener)
  }

  onResumed(listener: () => void): () => void {
    this.#onResumed.add(listener)
    return () => this.#onResumed.delete(listener)
  }

  /** Everything that keeps the server from issuing; empty when it may. */
  holds(): readonly Hold[] {
    const fault = this.#clockFault()
    return [
      ...(this.#restored === undefined ? [] : [describeRestored(this.#restored)]),
      ...(fault === undefined ? [] : [describeClock(fault)]),
    ]
  }

  /** Also tells once when that changes. */
  clockIsRight(): boolean {
    const { log, clock } = this.#options
    const fault = this.#clockFault()
    if (fault !== this.#reported) {
      this.#reported = fault
      const { newest, now } = { newest: this.#newest, now: clock.now() }
      if (fault === undefined) log.info({ now }, 'clock is plausible again, issuing')
      else log.error({ fault, now, newest, ...describeClock(fault) }, 'clock cannot be right, nothing is issued')
    }
    if (fault === undefined) this.#noteTime()
    return fault === undefined
  }

  /** @throws HoldError `ERR_HOLD_CLOCK` */
  requireClock(): void {
    if (this.clockIsRight()) return
    throw new HoldError('ERR_HOLD_CLOCK', 'server issues nothing: its clock cannot be right')
  }

  /** @throws HoldError `ERR_HOLD_RESTORED` */
  requireMemory(): void {
    if (this.#restored === undefined) return
    throw new HoldError('ERR_HOLD_RESTORED', 'server issues nothing: its data was put back to an earlier state')
  }

  /** @throws HoldError `ERR_HOLD_RESTORED`, `ERR_HOLD_CLOCK` */
  requireOpen(): void {
    this.requireMemory()
    this.requireClock()
  }

  /**
   * Asked about a verified certificate that is not the present one of its node. One that was handed out and is not recorded
   * closes the gate.
   *
   * @returns whether it is its node's present one now
   * @throws HoldError `ERR_HOLD_RESTORED`
   */
  async adopts(certificate: LostCertificate): Promise<boolean> {
    const { store, audit } = this.#options
    const verdict = await store.judge(certificate)
    if (verdict === 'unexplained') {
      if (this.#restored === undefined) this.#tell(await this.#close('unknown-certificate'))
      this.requireOpen()
    }
    if (verdict === 'adopted') audit.nodeAdopted({ agentId: certificate.agentId, serial: certificate.serial })
    return verdict === 'adopted'
  }

  /**
   * An operator says that it is as it is to be.
   *
   * @throws HoldError `ERR_HOLD_NONE`
   */
  async resume(reason: HoldReason): Promise<void> {
    const { store, mark, audit, clock, log } = this.#options
    if (!this.holds().some((hold) => hold.reason === reason)) {
      throw new HoldError('ERR_HOLD_NONE', `nothing is on hold for reason "${reason}"`)
    }
    if (reason === 'restore') {
      await store.resume()
      this.#restored = undefined
    } else {
      const now = clock.now()
      mark.resetTime(now)
      this.#newest = now
    }
    audit.issuanceResumed({ reason })
    log.warn({ reason }, 'issuance was resumed by an operator')
    for (const listener of this.#onResumed) listener()
  }

  async #close(cause: HoldCause): Promise<RestoredHold> {
    const { mark, store, audit } = this.#options
    const { reserved } = mark.present
    // A mark that was put back together with the store tells nothing about what was used since.
    const beyond = cause === 'unknown-certificate' ? leapBeyond(reserved) : reserved
    this.#restored = await store.putOnHold(cause, beyond)
    audit.issuanceHeld({ reason: 'restore', cause })
    for (const listener of this.#onClosed) listener()
    return this.#restored
  }

  #tell(hold: RestoredHold): void {
    this.#options.log.error({ cause: hold.cause, since: hold.since, ...describeRestored(hold) }, 'nothing is issued')
  }

  #clockFault(): ClockFault | undefined {
    return judgeClock(this.#options.clock.now(), this.#newest)
  }

  #noteTime(): void {
    const { mark, clock } = this.#options
    const now = clock.now()
    this.#newest = Math.max(this.#newest, now)
    if (now >= mark.present.time + TIME_STEP) mark.noteTime(now)
  }
}

/** Where a restore does not know how far the revision had come. */
export function leapBeyond(revision: number): number {
  return (Math.floor(revision / LEAP) + 1) * LEAP
}

const CAUSES: Readonly<Record<HoldCause, string>> = {
  restored: 'a backup was restored',
  'rolled-back': 'the store is older than what this server last wrote',
  'unknown-certificate': 'a node came with a certificate that this server signed and does not know of',
}

export function describeRestored({ cause, since }: RestoredHold): Hold {
  return {
    reason: 'restore',
    code: 'ERR_HOLD_RESTORED',
    message: `${CAUSES[cause]}: bans, evictions, taints and revocations made since then are not known`,
    next: 'repeat what is missing (`countersign node list`, `countersign authority list`), then run: countersign server resume restore',
    since,
  }
}

const FAULTS: Readonly<Record<ClockFault, string>> = {
  behind: 'the clock is behind the time at which this server last did something',
  ahead: 'the clock is more than a year ahead of the time at which this server last did something',
  absurd: 'the clock shows a time at which this program cannot run',
}

function describeClock(fault: ClockFault): Hold {
  const next = 'set the clock; the server goes on by itself'
  return {
    reason: 'clock',
    code: 'ERR_HOLD_CLOCK',
    message: FAULTS[fault],
    next: fault === 'absurd' ? next : `${next}. If the clock is right, run: countersign server resume clock`,
  }
}
