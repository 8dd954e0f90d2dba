import type { Clock } from '@countersign/plugin-kit'

interface Appointment {
  readonly cancel: () => void
  readonly failures: number
  /** Seconds since the Unix epoch. */
  readonly at: number
}

/** When which trust domain's bundle is fetched next: at most one appointment each. */
export class RefreshSchedule {
  readonly #clock: Clock
  readonly #run: (trustDomain: string) => void
  readonly #appointments = new Map<string, Appointment>()
  #isStopped = false

  constructor(clock: Clock, run: (trustDomain: string) => void) {
    this.#clock = clock
    this.#run = run
  }

  /**
   * Replaces the appointment.
   *
   * @param seconds from now
   * @param failures attempts that failed since the last success
   */
  set(trustDomain: string, seconds: number, failures = 0): void {
    this.#appointments.get(trustDomain)?.cancel()
    if (this.#isStopped) return
    const cancel = this.#clock.schedule(seconds * 1000, () => this.#run(trustDomain))
    this.#appointments.set(trustDomain, { cancel, failures, at: this.#clock.now() + Math.round(seconds) })
  }

  /** @returns whether there was one, or its attempt is under way */
  cancel(trustDomain: string): boolean {
    this.#appointments.get(trustDomain)?.cancel()
    return this.#appointments.delete(trustDomain)
  }

  failures(trustDomain: string): number {
    return this.#appointments.get(trustDomain)?.failures ?? 0
  }

  /** Seconds since the Unix epoch. Undefined when its time has come already. */
  nextAt(trustDomain: string): number | undefined {
    const at = this.#appointments.get(trustDomain)?.at
    return at === undefined || at < this.#clock.now() ? undefined : at
  }

  /** Cancels all and takes no more. */
  stop(): void {
    this.#isStopped = true
    for (const { cancel } of this.#appointments.values()) cancel()
    this.#appointments.clear()
  }
}
