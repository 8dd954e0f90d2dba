import { context, propagation } from '@opentelemetry/api'
import { TelemetryError } from '../telemetry-error.ts'
import type { TracingSettings } from '../telemetry-settings.ts'
import { ApiTracing } from './api-tracing.ts'
import { LoggingExporter } from './logging-exporter.ts'
import type { TracedProgram } from './traced-program.ts'
import type { Tracing } from './tracing.ts'

/** Optional peer dependencies of this package, each loaded by its name. */
const PACKAGES = {
  sdk: () => import('@opentelemetry/sdk-trace'),
  exporter: () => import('@opentelemetry/exporter-trace-otlp-http'),
  resources: () => import('@opentelemetry/resources'),
  core: () => import('@opentelemetry/core'),
  hooks: () => import('@opentelemetry/context-async-hooks'),
} as const

/**
 * Sends spans to a collector by OTLP over HTTP. Each program has a provider of its own; the context and the propagator are
 * the process's, and those of an SDK that was registered before stay.
 *
 * @throws TelemetryError `ERR_TELEMETRY_PACKAGE`
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export async function openOtlpTracing(settings: TracingSettings, program: TracedProgram): Promise<Tracing> {
  const { otlpEndpoint, sampleRatio } = settings
  const { name, version, trustDomain, log } = program
  const sdk = await load('@opentelemetry/sdk-trace', PACKAGES.sdk)
  const { OTLPTraceExporter } = await load('@opentelemetry/exporter-trace-otlp-http', PACKAGES.exporter)
  const { resourceFromAttributes } = await load('@opentelemetry/resources', PACKAGES.resources)
  const { W3CTraceContextPropagator } = await load('@opentelemetry/core', PACKAGES.core)
  const { AsyncLocalStorageContextManager } = await load('@opentelemetry/context-async-hooks', PACKAGES.hooks)

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const exporter = new LoggingExporter(new OTLPTraceExporter({ url: otlpEndpoint }), log)
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      'service.name': name,
      'service.version': version,
      'countersign.trust_domain': trustDomain,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter })],
  })
  return new ApiTracing(provider.getTracer(name, version), () => provider.shutdown().catch(() => {}))
}

/** @param load with the name written out, so that those who bundle or check imports see it */
export async function load<Module>(packageName: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    const message = `tracing needs the package ${packageName}, which is not installed`
    throw new TelemetryError('ERR_TELEMETRY_PACKAGE', message, { detail: `npm install ${packageName}`, cause })
  }
}
