/** What the programs need of tracing. Without anybody to trace for, nothing of OpenTelemetry is loaded. */

/** Identifiers, hashes, codes and numbers: never a token, a key, evidence, or what a caller wrote. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface SpanOptions {
  readonly kind?: 'internal' | 'server' | 'client'
  readonly attributes?: SpanAttributes
  /** Headers of a request whose trace is continued. */
  readonly from?: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface RunningSpan {
  set(name: string, value: string | number | boolean): void
  /** Spans that begin within `work`, or in what it waits for, are below this one. */
  run<T>(work: () => T): T
  /** @param error of it only the code is kept: messages and stacks of foreign errors can quote secrets */
  end(error?: unknown): void
}

export interface Tracing {
  /** Whoever begins a span must end it. */
  begin(name: string, options?: SpanOptions): RunningSpan
  /** Headers that let the receiver of a request continue this trace. W3C Trace Context. */
  headers(): Readonly<Record<string, string>>
  /** Hands over what is not exported yet. Never throws. */
  close(): Promise<void>
}

const NO_HEADERS = {}
const NO_SPAN: RunningSpan = { set() {}, run: (work) => work(), end() {} }

export const NO_TRACING: Tracing = { begin: () => NO_SPAN, headers: () => NO_HEADERS, close: async () => {} }

/** Runs `work` as a span, which ends when it does. What returns no promise does not begin to. */
export function traced<T>(
  tracing: Tracing,
  name: string,
  attributes: SpanAttributes,
  work: (span: RunningSpan) => T,
): T {
  const span = tracing.begin(name, { attributes })
  return endWith(span, () => work(span))
}

/** Runs `work` below a span that ends with it. */
export function endWith<T>(span: RunningSpan, work: () => T): T {
  let result: T
  try {
    result = span.run(work)
  } catch (error) {
    span.end(error)
    throw error
  }
  if (!(result instanceof Promise)) {
    span.end()
    return result
  }
  result.then(
    () => span.end(),
    (error: unknown) => span.end(error),
  )
  return result
}
