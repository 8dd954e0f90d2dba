import type { Logger } from '@countersign/plugin-kit'

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Keeps what was logged. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[]
  readonly #base: Record<string, unknown>

  constructor(lines: LogLine[] = [], base: Record<string, unknown> = {}) {
    this.lines = lines
    this.#base = base
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message)
  }

  info(fields: object, message: string): void {
    this.#add('info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message)
  }

  error(fields: object, message: string): void {
    this.#add('error', fields, message)
  }

  child(fields: Record<string, unknown>): Logger {
    return new RecordingLogger(this.lines, { ...this.#base, ...fields })
  }

  /** The audit events of one kind. */
  events(event: string): Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => line.fields).filter((fields) => fields['event'] === event)
  }

  get text(): string {
    return this.lines.map((line) => `${line.message} ${JSON.stringify(line.fields)}`).join('\n')
  }

  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...this.#base, ...fields } })
  }
}
