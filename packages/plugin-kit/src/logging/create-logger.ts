/** The log every program opens once and hands to its parts. */
import { type DestinationStream, type Logger as Pino, pino } from 'pino'
import { isPlainObject } from '../config/schema-view.ts'
import { type Clock, systemClock } from '../plugin/clock.ts'
import { type LogLevel, LogLevels } from './log-levels.ts'
import { toLogValue } from './log-value.ts'
import type { Logger } from './logger.ts'
import { redactText } from './redact.ts'
import { formatLogLine } from './text-format.ts'

export interface LoggerOptions {
  /** Quietest level that is still written, default `info`. */
  readonly level?: LogLevel
  /** One JSON object per line (default), or one line of text for people. */
  readonly format?: 'json' | 'text'
  /** Fields of every line, as `{ program: 'agent' }`. */
  readonly fields?: Record<string, unknown>
  /** Receives whole lines; default standard error, written before the call returns. */
  readonly destination?: DestinationStream
  /** Colour the level in text; default only when standard error is a terminal and `NO_COLOR` is not set. */
  readonly colour?: boolean
  /** Milliseconds since the Unix epoch, for the time of a line. Default: the system clock. */
  readonly nowMilliseconds?: () => number
  /** For levels that are set for a time only. Default: the system clock. */
  readonly clock?: Clock
}

/**
 * A log whose levels can change while the program runs. A child whose fields name a `component`, `listener` or `plugin` is
 * that component, and so are its children; any other child is part of what it was made from.
 */
export interface AdjustableLogger extends Logger {
  readonly levels: LogLevels
}

/**
 * Opens a log. Every field and message goes through the redaction list first, so that a slip in a caller cannot write a
 * secret: fields with secret names, and credentials inside any text at any depth, error messages included, are blanked.
 */
export function createLogger(options: LoggerOptions = {}): AdjustableLogger {
  const levels = new LogLevels(options.level ?? 'info', options.clock ?? systemClock)
  const now = options.nowMilliseconds ?? Date.now
  const sink = pino(
    {
      level: 'debug',
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destinationOf(options),
  )
  const fields = options.fields === undefined ? {} : cleanFields(options.fields)
  return new RedactingLogger(sink.child(fields), levels, undefined)
}

const RESERVED: ReadonlySet<string> = new Set(['time', 'level', 'msg'])

/** Fields that say which part of the program writes. */
const COMPONENT_FIELDS = ['component', 'listener', 'plugin'] as const

class RedactingLogger implements AdjustableLogger {
  readonly #sink: Pino
  readonly levels: LogLevels
  readonly #component: string | undefined

  constructor(sink: Pino, levels: LogLevels, component: string | undefined) {
    this.#sink = sink
    this.levels = levels
    this.#component = component
    if (component !== undefined) levels.addComponent(component)
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message)
  }

  info(fields: object, message: string): void {
    this.#write('info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#write('warn', fields, message)
  }

  error(fields: object, message: string): void {
    this.#write('error', fields, message)
  }

  child(fields: Record<string, unknown>): Logger {
    return new RedactingLogger(
      this.#sink.child(cleanFields(fields)),
      this.levels,
      componentOf(fields) ?? this.#component,
    )
  }

  #write(level: Exclude<LogLevel, 'silent'>, fields: object, message: string): void {
    if (!this.levels.isWritten(level, this.#component)) return
    this.#sink[level](cleanFields(fields), redactText(message))
  }
}

function componentOf(fields: Record<string, unknown>): string | undefined {
  for (const name of COMPONENT_FIELDS) {
    const value = fields[name]
    if (typeof value === 'string') return value
  }
  return undefined
}

/** An error given in place of fields is the field `error`. Reserved names move aside instead of forging a line's head. */
function cleanFields(fields: object): Record<string, unknown> {
  if (fields instanceof Error) return { error: toLogValue(fields) }
  const clean = toLogValue(fields)
  if (!isPlainObject(clean)) return { value: clean }
  return Object.fromEntries(Object.entries(clean).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]))
}

function destinationOf(options: LoggerOptions): DestinationStream {
  const destination = options.destination ?? pino.destination({ dest: 2, sync: true })
  if (options.format !== 'text') return destination
  const colour = options.colour ?? (process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined)
  return { write: (line) => destination.write(formatLogLine(line, { colour })) }
}
