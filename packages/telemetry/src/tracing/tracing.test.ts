import { silentLogger } from '@countersign/plugin-kit'
import { expectCode } from '@countersign/testing'
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, it } from 'vitest'
import { TelemetryError } from '../telemetry-error.ts'
import { ApiTracing } from './api-tracing.ts'
import { openTracing } from './open-tracing.ts'
import { load } from './otlp-tracing.ts'
import { NO_TRACING, traced } from './tracing.ts'

afterEach(() => {
  trace.disable()
  context.disable()
  propagation.disable()
})

function open() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const exporter = new InMemorySpanExporter()
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  return { exporter, provider, tracing: new ApiTracing(provider.getTracer('test')) }
}

const program = { name: 'test', version: '1', trustDomain: 'example.org', log: silentLogger }

describe('traced', () => {
  it('puts spans below each other, over waits', async () => {
    const { tracing, exporter } = open()
    const result = await traced(tracing, 'outer', { a: 1 }, async (span) => {
      await Promise.resolve()
      span.set('b', true)
      return traced(tracing, 'inner', {}, () => 'done')
    })
    expect(result).toBe('done')
    const [inner, outer] = exporter.getFinishedSpans()
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
    expect(outer?.attributes).toEqual({ a: 1, b: true })
  })

  it('keeps the code of an error and nothing else of it', async () => {
    const { tracing, exporter } = open()
    const secret = new TelemetryError('ERR_TELEMETRY_ADDRESS', 'secret', { detail: 'secret' })
    await expect(traced(tracing, 'later', {}, () => Promise.reject(secret))).rejects.toBe(secret)
    const throws = () => {
      throw new Error('secret')
    }
    expect(() => traced(tracing, 'at once', {}, throws)).toThrow('secret')
    const spans = exporter.getFinishedSpans()
    expect(spans.map(({ attributes, status, events }) => ({ attributes, status, events }))).toEqual([
      { attributes: { 'error.type': 'ERR_TELEMETRY_ADDRESS' }, status: { code: SpanStatusCode.ERROR }, events: [] },
      { attributes: { 'error.type': 'unexpected' }, status: { code: SpanStatusCode.ERROR }, events: [] },
    ])
  })

  it('does not make a promise of what is none', () => {
    expect(traced(open().tracing, 'sum', {}, () => 2)).toBe(2)
    expect(traced(NO_TRACING, 'sum', {}, () => 2)).toBe(2)
  })
})

describe('Tracing', () => {
  it('continues the trace of a request in another program', () => {
    const { tracing, exporter } = open()
    const client = tracing.begin('call', { kind: 'client' })
    const headers = client.run(() => tracing.headers())
    client.end()
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    tracing.begin('answer', { kind: 'server', from: headers }).end()
    tracing.begin('answer', { kind: 'server', from: { traceparent: 'not one' } }).end()
    const [call, answer, other] = exporter.getFinishedSpans()
    expect(answer?.spanContext().traceId).toBe(call?.spanContext().traceId)
    expect([call?.kind, answer?.kind]).toEqual([SpanKind.CLIENT, SpanKind.SERVER])
    expect(other?.spanContext().traceId).not.toBe(call?.spanContext().traceId)
  })
})

describe('openTracing', () => {
  it('does nothing without configuration and SDK', async () => {
    expect(await openTracing(undefined, program)).toBe(NO_TRACING)
  })

  it('serves an SDK that was registered by whoever started the program', async () => {
    const { exporter, provider } = open()
    trace.setGlobalTracerProvider(provider)
    const tracing = await openTracing(undefined, program)
    tracing.begin('work').end()
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['work'])
  })

  it('names the package that is missing', async () => {
    const missing = () => import('@opentelemetry/no-such-package' as string)
    const error = await load('@opentelemetry/no-such-package', missing).catch((cause: unknown) => cause)
    expect(error).toMatchObject({
      code: 'ERR_TELEMETRY_PACKAGE',
      message: expect.stringContaining('@opentelemetry/no-such-package'),
      detail: 'npm install @opentelemetry/no-such-package',
    })
    await expectCode(load('x', missing), 'ERR_TELEMETRY_PACKAGE')
    await expect(load('x', () => Promise.reject(new RangeError('broken')))).rejects.toThrow(RangeError)
  })
})
