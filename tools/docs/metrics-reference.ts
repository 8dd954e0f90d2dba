import type { Problem } from '../problem.ts'
import { samePage, tableCell } from './markdown.ts'

/** The part of a metric's definition that a reader needs. */
export interface MetricFacts {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: Readonly<
    Record<string, { readonly values: readonly string[]; readonly more?: { readonly most: number } }>
  >
}

/** Metrics of one program, by full name. */
export interface MetricProgram {
  readonly program: string
  readonly metrics: Readonly<Record<string, MetricFacts>>
}

export const METRICS_REFERENCE = 'docs/reference/metrics.md'

const INTRODUCTION = `# Metrics

With \`telemetry\` set, server and agent answer \`GET /metrics\` on an address of its own, in Prometheus' text format or in
OpenMetrics, as the client asks. Besides what is listed here they give Node's \`process_*\` and \`nodejs_*\`.

Every label has a bound: values that its list or its number does not let through are counted as \`other\`. No label holds an
identifier of a workload or node, an audience, a path that was sent, a token or a key. \`reason\` is one of the
[error codes](errors.md). How to use them: [observability](../guides/observability.md).

Made from the definitions in the source, by \`node tools/check-docs.ts --write\`.
`

export function formatMetricsReference(programs: readonly MetricProgram[]): string {
  const sections = programs.map(({ program, metrics }) => {
    const rows = Object.entries(metrics).map(([name, { type, help, labels = {} }]) => {
      const cells = [`\`${name}\``, type, Object.entries(labels).map(describeLabel).join('; '), help]
      return `| ${cells.map(tableCell).join(' | ')} |`
    })
    return `## ${program}\n\n| Name | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return [INTRODUCTION, ...sections].join('\n')
}

export function checkMetricsReference(programs: readonly MetricProgram[], page: string): Problem[] {
  if (samePage(formatMetricsReference(programs), page)) return []
  const rule = 'the metrics reference is made from the definitions; run with --write'
  return [{ file: METRICS_REFERENCE, message: 'does not match the definitions', rule }]
}

function describeLabel([label, { values, more }]: [string, NonNullable<MetricFacts['labels']>[string]]): string {
  const listed = values.map((value) => `\`${value}\``).join(', ')
  if (more === undefined) return `\`${label}\`: ${listed}`
  return `\`${label}\`: ${listed === '' ? '' : `${listed} and `}at most ${more.most} values`
}
