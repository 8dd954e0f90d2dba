import type { Logger } from '@countersign/plugin-kit'
import type { ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'

/** Says when a collector stops taking spans and when it takes them again: the SDK itself would drop them in silence. */
export class LoggingExporter implements SpanExporter {
  readonly #exporter: SpanExporter
  readonly #log: Logger
  #isFailing = false

  constructor(exporter: SpanExporter, log: Logger) {
    this.#exporter = exporter
    this.#log = log
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      // `ExportResultCode.FAILED`
      this.#tell(result.code === 1)
      done(result)
    })
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.()
  }

  #tell(isFailing: boolean): void {
    if (isFailing === this.#isFailing) return
    this.#isFailing = isFailing
    if (isFailing) this.#log.warn({}, 'trace collector does not take spans, they are dropped')
    else this.#log.info({}, 'trace collector takes spans again')
  }
}
