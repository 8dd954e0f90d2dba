import type { Logger } from '@countersign/plugin-kit'

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

/** Keeps what is logged. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[]
  readonly #bound: Record<string, unknown>

  constructor(records: LogRecord[] = [], bound: Record<string, unknown> = {}) {
    this.records = records
    this.#bound = bound
  }

  debug = (fields: object, message: string) => this.#keep('debug', fields, message)
  info = (fields: object, message: string) => this.#keep('info', fields, message)
  warn = (fields: object, message: string) => this.#keep('warn', fields, message)
  error = (fields: object, message: string) => this.#keep('error', fields, message)
  child = (fields: Record<string, unknown>) => new RecordingLogger(this.records, { ...this.#bound, ...fields })

  with(message: string): LogRecord[] {
    return this.records.filter((record) => record.message === message)
  }

  #keep(level: LogRecord['level'], fields: object, message: string): void {
    this.records.push({ level, fields: { ...this.#bound, ...fields }, message })
  }
}
