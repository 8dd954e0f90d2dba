import type { Clock } from '@countersign/plugin-kit'
import { type Stopwatch, stoppedStopwatch } from '@countersign/telemetry'

/** A stream that is to be told of changes. */
export interface Follower {
  /** Whether its program would see a difference now, by what was last found out about it. */
  isConcerned(): boolean
  usesEntries(entryIds: ReadonlySet<string>): boolean
  /** Look again. Often called without need. */
  wake(): void
  /** For the schedule's own use. Epoch seconds. */
  alarmAt: number | undefined
}

interface Alarm {
  readonly followers: Set<Follower>
  cancel: () => void
}

export interface PushScheduleOptions {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly stopwatch?: Stopwatch
}

/** This many are told at once. More would all be attested, and ask the server, in the same moment. */
const AT_ONCE = 64
/** The pace of a wide change, as a mean. */
const FOLLOWERS_PER_SECOND = 400
const MAX_SPREAD_MS = 10_000

/**
 * Decides when each stream looks for what has changed: at once when a change concerns a few programs, spread at random
 * over some seconds when it concerns many, such as a new authority.
 *
 * Streams that a change does not seem to concern look too, spread likewise: whether it concerns them was judged by what
 * their programs were when they were last attested.
 *
 * @see SPIFFE Workload API section 4.3
 */
export class PushSchedule {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #followers = new Set<Follower>()
  /** By epoch second: programs that share a credential share the timer for its renewal. */
  readonly #alarms = new Map<number, Alarm>()
  readonly #waiting = new Map<Follower, { readonly atMs: number; readonly cancel: () => void }>()

  readonly #stopwatch: Stopwatch
  /** Seconds since streams were last told of something. */
  sinceTold: () => number

  constructor({ clock, random, stopwatch = stoppedStopwatch }: PushScheduleOptions) {
    this.#clock = clock
    this.#random = random
    this.#stopwatch = stopwatch
    this.sinceTold = stopwatch()
  }

  get followers(): number {
    return this.#followers.size
  }

  /** @returns stops telling */
  add(follower: Follower): () => void {
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
      this.#forgetWaiting(follower)
      this.#forgetAlarm(follower)
    }
  }

  /** What programs are given has changed, whose is not known. */
  announce(): void {
    const concerned: Follower[] = []
    const others: Follower[] = []
    for (const each of this.#followers) (each.isConcerned() ? concerned : others).push(each)
    this.#tell(concerned)
    this.#tell(others)
  }

  /** Credentials of these entries were renewed, or are to be. */
  announceEntries(entryIds: ReadonlySet<string>): void {
    this.#tell([...this.#followers].filter((each) => each.usesEntries(entryIds)))
  }

  /** What the follower was shown is good until then. Replaces what was said before. */
  wakeAt(follower: Follower, second: number): void {
    this.#forgetAlarm(follower)
    if (!Number.isFinite(second) || !this.#followers.has(follower)) return
    follower.alarmAt = second
    const alarm = this.#alarms.get(second) ?? this.#newAlarm(second)
    alarm.followers.add(follower)
  }

  /** The clock was set, or the machine slept: what was to happen at a time happens when it is that time now. */
  rearm(): void {
    for (const [second, alarm] of this.#alarms) {
      alarm.cancel()
      alarm.cancel = this.#schedule(second, alarm.followers)
    }
  }

  #newAlarm(second: number): Alarm {
    const followers = new Set<Follower>()
    const alarm = { followers, cancel: this.#schedule(second, followers) }
    this.#alarms.set(second, alarm)
    return alarm
  }

  #schedule(second: number, followers: ReadonlySet<Follower>): () => void {
    return this.#clock.schedule((second - this.#clock.now()) * 1000, () => {
      this.#alarms.delete(second)
      for (const each of followers) each.alarmAt = undefined
      this.#tell([...followers])
    })
  }

  #forgetAlarm(follower: Follower): void {
    const second = follower.alarmAt
    const alarm = second === undefined ? undefined : this.#alarms.get(second)
    follower.alarmAt = undefined
    if (second === undefined || alarm === undefined || !alarm.followers.delete(follower)) return
    if (alarm.followers.size > 0) return
    alarm.cancel()
    this.#alarms.delete(second)
  }

  #tell(followers: readonly Follower[]): void {
    if (followers.length > 0) this.sinceTold = this.#stopwatch()
    const isWide = followers.length > AT_ONCE
    const spreadMs = Math.min(MAX_SPREAD_MS, (followers.length / FOLLOWERS_PER_SECOND) * 1000)
    for (const each of followers) {
      if (isWide) this.#wakeWithin(each, this.#random() * spreadMs)
      else this.#wakeNow(each)
    }
  }

  #wakeNow(follower: Follower): void {
    this.#forgetWaiting(follower)
    follower.wake()
  }

  /** One that waits already is not put off, or changes that come one after the other would keep it waiting. */
  #wakeWithin(follower: Follower, delayMs: number): void {
    const atMs = this.#clock.now() * 1000 + delayMs
    const waiting = this.#waiting.get(follower)
    if (waiting !== undefined && waiting.atMs <= atMs) return
    waiting?.cancel()
    const cancel = this.#clock.schedule(delayMs, () => this.#wakeNow(follower))
    this.#waiting.set(follower, { atMs, cancel })
  }

  #forgetWaiting(follower: Follower): void {
    this.#waiting.get(follower)?.cancel()
    this.#waiting.delete(follower)
  }
}
