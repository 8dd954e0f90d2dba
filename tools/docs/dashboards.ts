import { parseConfigText } from '@countersign/plugin-kit'
import type { Problem } from '../problem.ts'
import type { MetricFacts, MetricProgram } from './metrics-reference.ts'
import { namesIn } from './prom-expression.ts'
import type { Tree } from './tree.ts'

/** Where an expression stands, for a message. */
interface PlacedExpression {
  readonly file: string
  readonly place: string
  readonly expression: string
}

const FOLDER = 'docs/dashboards/'

/** Set by Prometheus for every target. */
const TARGET_LABELS = ['job', 'instance']
/** Of Prometheus itself, and of Node. */
const FOREIGN: Readonly<Record<string, MetricFacts>> = {
  up: { type: 'gauge', help: '' },
  process_cpu_seconds_total: { type: 'counter', help: '' },
  process_resident_memory_bytes: { type: 'gauge', help: '' },
  nodejs_eventloop_lag_p99_seconds: { type: 'gauge', help: '' },
}
const FUNCTIONS = new Set(
  'sum min max avg count rate increase histogram_quantile label_values absent clamp_min time topk changes'.split(' '),
)

/** Every expression of the dashboards and alerts: an unknown name would be an empty panel, or an alert that never comes. */
export function checkDashboards(tree: Tree, programs: readonly MetricProgram[]): Problem[] {
  const own = programs.flatMap(({ metrics }) => Object.entries(metrics))
  const known = { ...FOREIGN, ...Object.fromEntries(own) }
  return readExpressions(tree).flatMap(({ file, place, expression }) =>
    problemsIn(expression, known).map((problem) => ({
      file,
      message: `${place}: ${problem}`,
      rule: 'queries name metrics and labels that there are',
    })),
  )
}

export function readExpressions(tree: Tree): readonly PlacedExpression[] {
  const files = tree.paths.filter((path) => path.startsWith(FOLDER))
  return files.flatMap((file) => {
    const value: unknown = file.endsWith('.json')
      ? JSON.parse(tree.read(file))
      : parseConfigText(tree.read(file), file, {})
    return expressionsIn(value, '').map((each) => ({ file, ...each }))
  })
}

/** Grafana keeps them in `expr`, and those of variables in `definition`; rule files in `expr`. */
function expressionsIn(value: unknown, title: string): { readonly place: string; readonly expression: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const members = value as Readonly<Record<string, unknown>>
  const own = [members['title'], members['alert'], members['name']].find((each) => typeof each === 'string')
  const place = own ?? title
  return Object.entries(members).flatMap(([name, member]) =>
    (name === 'expr' || name === 'definition') && typeof member === 'string'
      ? [{ place, expression: member }]
      : expressionsIn(member, place),
  )
}

function problemsIn(expression: string, known: Readonly<Record<string, MetricFacts>>): string[] {
  const { selectors, groupings, functions } = namesIn(expression)
  // `label_values(metric, label)` is Grafana's own: its second part is no metric.
  const isVariable = functions.includes('label_values')
  const metrics = isVariable ? selectors.slice(0, 1) : selectors
  const labels = isVariable ? selectors.slice(1).map(({ metric }) => metric) : groupings
  const problems = functions.filter((name) => !FUNCTIONS.has(name)).map((name) => `function ${name} is not known here`)
  if (metrics.length === 0) problems.push('names no metric')
  const allowed = new Set(TARGET_LABELS)
  for (const { metric, labels: selected } of metrics) {
    const own = labelsOf(metric, known)
    if (own === undefined) problems.push(`no metric ${metric}`)
    for (const label of own ?? []) allowed.add(label)
    for (const label of selected) {
      if (own !== undefined && !own.includes(label)) problems.push(`${metric} has no label ${label}`)
    }
  }
  for (const label of labels) if (!allowed.has(label)) problems.push(`no metric of it has a label ${label}`)
  return problems
}

/** @returns `undefined` when nothing of that name is scraped */
function labelsOf(name: string, known: Readonly<Record<string, MetricFacts>>): readonly string[] | undefined {
  const [, base = name, part = ''] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? []
  const exact = Object.hasOwn(known, name) ? known[name] : undefined
  const histogram = Object.hasOwn(known, base) && known[base]?.type === 'histogram' ? known[base] : undefined
  // A histogram is scraped as its parts only.
  const facts = exact?.type === 'histogram' ? undefined : (exact ?? (part === '' ? undefined : histogram))
  if (facts === undefined) return undefined
  return [...Object.keys(facts.labels ?? {}), ...TARGET_LABELS, ...(part === 'bucket' ? ['le'] : [])]
}
