import type { TracingSettings } from '../telemetry-settings.ts'
import type { TracedProgram } from './traced-program.ts'
import { NO_TRACING, type Tracing } from './tracing.ts'

/** Where the OpenTelemetry API keeps what an SDK has registered, whichever copy of the API is asked. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/**
 * Tracing as configured; without configuration, for an SDK that whoever started the program has registered, as with
 * `node --import`; else none. OpenTelemetry is loaded in the first two cases only: five MiB are much for an agent.
 *
 * @throws TelemetryError `ERR_TELEMETRY_PACKAGE` when a package of the SDK is not installed
 */
export async function openTracing(settings: TracingSettings | undefined, program: TracedProgram): Promise<Tracing> {
  if (settings !== undefined) {
    const { openOtlpTracing } = await import('./otlp-tracing.ts')
    return openOtlpTracing(settings, program)
  }
  if (!isSdkRegistered()) return NO_TRACING
  const [{ trace }, { ApiTracing }] = await Promise.all([import('@opentelemetry/api'), import('./api-tracing.ts')])
  return new ApiTracing(trace.getTracer(program.name, program.version))
}

function isSdkRegistered(): boolean {
  const registered: unknown = Reflect.get(globalThis, REGISTERED)
  return typeof registered === 'object' && registered !== null && 'trace' in registered
}
