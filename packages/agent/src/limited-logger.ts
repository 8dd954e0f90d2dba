import type { Clock, Logger } from '@countersign/plugin-kit'
import { LogLimit } from './log-limit.ts'

type Write = (fields: object, message: string) => void

/** A log that callers cannot fill: so many lines a minute with one message about one entry. */
export class LimitedLogger implements Logger {
  readonly #log: Logger
  readonly #limit: LogLimit
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write

  constructor(log: Logger, clock: Clock, limit = new LogLimit(clock)) {
    this.#log = log
    this.#limit = limit
    this.debug = this.#limited((fields, message) => log.debug(fields, message))
    this.info = this.#limited((fields, message) => log.info(fields, message))
    this.warn = this.#limited((fields, message) => log.warn(fields, message))
    this.error = this.#limited((fields, message) => log.error(fields, message))
    this.child = (fields) => new LimitedLogger(this.#log.child(fields), clock, this.#limit)
  }

  readonly child: Logger['child']

  #limited(write: Write): Write {
    return (fields, message) => {
      const { entryId = '' } = fields as { readonly entryId?: unknown }
      const admitted = this.#limit.admit(`${message} ${String(entryId)}`)
      if (admitted !== undefined) write({ ...fields, ...admitted }, message)
    }
  }
}
