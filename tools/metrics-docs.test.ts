import { describe, expect, it } from 'vitest'
import { checkDashboards } from './docs/dashboards.ts'
import { checkMetricsReference, formatMetricsReference, type MetricProgram } from './docs/metrics-reference.ts'
import { namesIn } from './docs/prom-expression.ts'
import { memoryTree } from './docs/tree.ts'

const PROGRAMS: readonly MetricProgram[] = [
  {
    program: 'Door',
    metrics: {
      door_openings_total: {
        type: 'counter',
        help: 'Openings | all.',
        labels: { by: { values: ['key', 'hand'] }, code: { values: ['none'], more: { most: 3 } } },
      },
      door_open: { type: 'gauge', help: 'Whether it is open.' },
      door_swing_seconds: { type: 'histogram', help: 'Swing.', labels: { side: { values: [], more: { most: 2 } } } },
    },
  },
]

describe('metrics reference', () => {
  it('says name, type, labels with their bounds, and meaning', () => {
    const page = formatMetricsReference(PROGRAMS)
    expect(page).toContain(
      '| `door_openings_total` | counter | `by`: `key`, `hand`; `code`: `none` and at most 3 values | Openings \\| all. |',
    )
    expect(page).toContain('| `door_swing_seconds` | histogram | `side`: at most 2 values | Swing. |')
    expect(checkMetricsReference(PROGRAMS, page)).toEqual([])
    expect(checkMetricsReference(PROGRAMS, page.replace('at most 3', 'at most 4'))).toHaveLength(1)
  })
})

describe('namesIn', () => {
  it.each([
    ['up', ['up'], [], []],
    ['rate(a_total{job=~"$job", code!="x"}[5m])', ['a_total job code'], [], ['rate']],
    ['sum by (le, route) (rate(a_bucket[5m:1m] offset 10m))', ['a_bucket'], ['le', 'route'], ['sum', 'rate']],
    ['sum(a) by (x) / on (x) group_left (y) max without (z) (b)', ['a', 'b'], ['x', 'x', 'y', 'z'], ['sum', 'max']],
    ['a{b="} or c{d=\\"e\\"}"} unless f > bool 2', ['a b', 'f'], [], []],
    ['topk(10, a) * 1e3 - Inf', ['a'], [], ['topk']],
  ])('reads %s', (expression, selectors, groupings, functions) => {
    const names = namesIn(expression)
    expect(names.selectors.map(({ metric, labels }) => [metric, ...labels].join(' '))).toEqual(selectors)
    expect(names.groupings).toEqual(groupings)
    expect(names.functions).toEqual(functions)
  })
})

describe('dashboards and alerts', () => {
  const problemsOf = (expr: string) => {
    const dashboard = JSON.stringify({ title: 'Doors', panels: [{ title: 'Openings', targets: [{ expr }] }] })
    return checkDashboards(memoryTree({ 'docs/dashboards/doors.json': dashboard }), PROGRAMS).map(
      ({ message }) => message,
    )
  }

  it.each([
    ['rate(door_openings_total{by="key", job="x"}[5m])'],
    ['sum by (by, instance) (door_openings_total)'],
    ['histogram_quantile(0.9, sum by (le, side) (rate(door_swing_seconds_bucket{side="l", le="1"}[5m])))'],
    ['door_swing_seconds_count / door_swing_seconds_sum'],
    ['label_values(door_openings_total, by)'],
    ['up == 0'],
  ])('take %s', (expr) => {
    expect(problemsOf(expr)).toEqual([])
  })

  it.each([
    ['door_openning_total', 'Openings: no metric door_openning_total'],
    ['door_open{by="key"}', 'Openings: door_open has no label by'],
    ['sum by (bye) (door_openings_total)', 'Openings: no metric of it has a label bye'],
    ['rate(door_swing_seconds[5m])', 'Openings: no metric door_swing_seconds'],
    ['door_open_bucket', 'Openings: no metric door_open_bucket'],
    ['sum by (le) (door_swing_seconds_count)', 'Openings: no metric of it has a label le'],
    ['rat(door_open)', 'Openings: function rat is not known here'],
    ['vector(1)', 'Openings: function vector is not known here'],
    ['label_values(door_openings_total, bye)', 'Openings: no metric of it has a label bye'],
    ['toString', 'Openings: no metric toString'],
  ])('do not take %s', (expr, problem) => {
    expect(problemsOf(expr)).toContain(problem)
  })

  it('are read from rule files and variables too', () => {
    const files = {
      'docs/dashboards/a.yml': 'groups: [{ name: g, rules: [{ alert: Left, expr: door_left == 1 }] }]',
      'docs/dashboards/b.json': JSON.stringify({
        templating: { list: [{ name: 'v', definition: 'label_values(door_x, y)' }] },
      }),
    }
    expect(checkDashboards(memoryTree(files), PROGRAMS).map(({ message }) => message)).toEqual([
      'Left: no metric door_left',
      'v: no metric door_x',
      'v: no metric of it has a label y',
    ])
  })
})
