import { errorCode } from '@countersign/protocol'
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { RunningSpan, SpanOptions, Tracing } from './tracing.ts'

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const

/** Spans by OpenTelemetry's API, for whichever SDK is behind the tracer. */
export class ApiTracing implements Tracing {
  readonly #tracer: Tracer
  readonly #close: () => Promise<void>

  constructor(tracer: Tracer, close: () => Promise<void> = async () => {}) {
    this.#tracer = tracer
    this.#close = close
  }

  begin(name: string, { kind = 'internal', attributes = {}, from }: SpanOptions = {}): RunningSpan {
    const parent = from === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, from)
    const span = this.#tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, parent)
    return new ApiSpan(span, trace.setSpan(parent, span))
  }

  headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {}
    propagation.inject(context.active(), headers)
    return headers
  }

  close(): Promise<void> {
    return this.#close()
  }
}

class ApiSpan implements RunningSpan {
  readonly #span: Span
  readonly #context: Context

  constructor(span: Span, ownContext: Context) {
    this.#span = span
    this.#context = ownContext
  }

  set(name: string, value: string | number | boolean): void {
    this.#span.setAttribute(name, value)
  }

  run<T>(work: () => T): T {
    return context.with(this.#context, work)
  }

  end(error?: unknown): void {
    if (error !== undefined) {
      this.#span.setAttribute('error.type', errorCode(error) ?? 'unexpected')
      this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}
