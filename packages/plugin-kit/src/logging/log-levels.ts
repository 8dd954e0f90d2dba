import type { Clock } from '../plugin/clock.ts'
import { LogLevelError } from './log-level-error.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A level that was set while the program runs. */
interface Override {
  readonly level: LogLevel
  /** Epoch seconds. */
  readonly until?: number
  readonly cancel: () => void
}

export interface LogLevelChange {
  readonly level: LogLevel
  /** Without it, everything that has no level of its own. */
  readonly component?: string | undefined
  /** Reset by itself after so many seconds. */
  readonly forSeconds?: number | undefined
}

/** What is logged at present. */
export interface LogLevelReport {
  readonly configured: LogLevel
  readonly level: LogLevel
  readonly until?: number
  readonly components: readonly { readonly name: string; readonly level: LogLevel; readonly until?: number }[]
}

/** Names of components are in the source, but children of a log may be made for anything. */
const MAX_COMPONENTS = 128
const EVERYTHING = ''

/**
 * From which level a program logs: as configured, or as set while it runs, as a whole or for one component.
 *
 * @see createLogger
 */
export class LogLevels {
  readonly #configured: LogLevel
  readonly #clock: Clock
  readonly #overrides = new Map<string, Override>()
  readonly #components = new Set<string>()

  constructor(configured: LogLevel, clock: Clock) {
    this.#configured = configured
    this.#clock = clock
  }

  /** A part of the program that has a level of its own from now on, when it is given one. */
  addComponent(name: string): void {
    if (this.#components.size < MAX_COMPONENTS) this.#components.add(name)
  }

  /** What a component logs from; a component without a level of its own follows the whole. */
  levelOf(component: string | undefined): LogLevel {
    if (this.#overrides.size === 0) return this.#configured
    const own = component === undefined ? undefined : this.#overrides.get(component)
    return (own ?? this.#overrides.get(EVERYTHING))?.level ?? this.#configured
  }

  isWritten(level: LogLevel, component: string | undefined): boolean {
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.levelOf(component))
  }

  /** @throws LogLevelError `ERR_LOG_COMPONENT` when no part of the program has that name */
  set({ level, component = EVERYTHING, forSeconds }: LogLevelChange): void {
    this.#require(component)
    this.reset(component)
    if (forSeconds === undefined) {
      this.#overrides.set(component, { level, cancel: () => {} })
      return
    }
    const cancel = this.#clock.schedule(forSeconds * 1000, () => this.#overrides.delete(component))
    this.#overrides.set(component, { level, until: this.#clock.now() + forSeconds, cancel })
  }

  /**
   * Back to what is configured: one component, or all that has no level of its own.
   *
   * @throws LogLevelError `ERR_LOG_COMPONENT`
   */
  reset(component: string = EVERYTHING): void {
    this.#require(component)
    this.#overrides.get(component)?.cancel()
    this.#overrides.delete(component)
  }

  resetAll(): void {
    for (const component of [...this.#overrides.keys()]) this.reset(component)
  }

  #require(component: string): void {
    if (component === EVERYTHING || this.#components.has(component)) return
    throw new LogLevelError('ERR_LOG_COMPONENT', 'no component of the log has this name', {
      detail: `known: ${[...this.#components].sort().join(', ')}`,
    })
  }

  report(): LogLevelReport {
    const whole = this.#overrides.get(EVERYTHING)
    const components = [...this.#components].sort().map((name) => {
      const { until } = this.#overrides.get(name) ?? {}
      return { name, level: this.levelOf(name), ...(until !== undefined && { until }) }
    })
    return {
      configured: this.#configured,
      level: this.levelOf(undefined),
      ...(whole?.until !== undefined && { until: whole.until }),
      components,
    }
  }
}
