/** The log every program opens once and hands to its parts. */
import { type DestinationStream, type Logger as Pino, pino } from 'pino'
import { isPlainObject } from '../config/schema-view.ts'
import { toLogValue } from './log-value.ts'
import type { Logger } from './logger.ts'
import { redactText } from './redact.ts'
import { formatLogLine } from './text-format.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

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
}

/** A log whose level can change while the program runs; children follow it. */
export interface AdjustableLogger extends Logger {
  readonly level: LogLevel
  setLevel(level: LogLevel): void
}

/**
 * Opens a log. Every field and message goes through the redaction list first, so that a slip in a caller cannot write a
 * secret: fields with secret names, and credentials inside any text at any depth, error messages included, are blanked.
 */
export function createLogger(options: LoggerOptions = {}): AdjustableLogger {
  const threshold = { level: options.level ?? 'info' }
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
  return new RootLogger(sink.child(fields), threshold)
}

const RESERVED: ReadonlySet<string> = new Set(['time', 'level', 'msg'])

interface Threshold {
  level: LogLevel
}

class RedactingLogger implements Logger {
  readonly #sink: Pino
  protected readonly threshold: Threshold

  constructor(sink: Pino, threshold: Threshold) {
    this.#sink = sink
    this.threshold = threshold
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
    return new RedactingLogger(this.#sink.child(cleanFields(fields)), this.threshold)
  }

  #write(level: Exclude<LogLevel, 'silent'>, fields: object, message: string): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.threshold.level)) return
    this.#sink[level](cleanFields(fields), redactText(message))
  }
}

class RootLogger extends RedactingLogger implements AdjustableLogger {
  get level(): LogLevel {
    return this.threshold.level
  }

  setLevel(level: LogLevel): void {
    this.threshold.level = level
  }
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
