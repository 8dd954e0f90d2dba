export {
  type CheckResult,
  Readiness,
  type ReadinessCheck,
  type ReadinessOptions,
  type ReadinessReport,
} from './health/readiness.ts'
export type { TelemetrySources } from './http/telemetry-app.ts'
export { type TelemetryAddress, TelemetryListener } from './http/telemetry-listener.ts'
export { anyOf, type LabelRule, OTHER, oneOf, REASON, REASON_OR_NONE } from './metrics/label-rule.ts'
export {
  defineMetrics,
  type MetricDefinition,
  type MetricDefinitions,
  QUICK_SECONDS,
  SLOW_SECONDS,
} from './metrics/metric-definition.ts'
export type { Exposition, MetricSet, ScrapeSource } from './metrics/metric-set.ts'
export { openMetrics } from './metrics/open-metrics.ts'
export { type Stopwatch, stoppedStopwatch, systemStopwatch } from './stopwatch.ts'
export { TelemetryError, type TelemetryErrorCode } from './telemetry-error.ts'
export { TracingSettings, telemetrySettings } from './telemetry-settings.ts'
export { openTracing } from './tracing/open-tracing.ts'
export type { TracedProgram } from './tracing/traced-program.ts'
export {
  endWith,
  NO_TRACING,
  type RunningSpan,
  type SpanAttributes,
  type SpanOptions,
  type Tracing,
  traced,
} from './tracing/tracing.ts'
