import { describe, expect, it } from 'vitest'
import { anyOf, LabelGate, OTHER, oneOf } from './label-rule.ts'
import { defineMetrics } from './metric-definition.ts'
import { MetricSet } from './metric-set.ts'

const METRICS = defineMetrics('test', {
  test_calls_total: { type: 'counter', help: 'Calls.', labels: { kind: oneOf('a', 'b'), code: anyOf(/^E_\d+$/, 3) } },
  test_size: { type: 'gauge', help: 'Size.', labels: { of: anyOf(/^[a-z]+$/, 2) } },
  test_time_seconds: { type: 'histogram', help: 'Time.', buckets: [1, 2] },
})

const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name))
const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

describe('MetricSet', () => {
  it('gives what was counted, set and observed', async () => {
    const metrics = new MetricSet(METRICS)
    metrics.count('test_calls_total', { kind: 'a', code: 'E_1' })
    metrics.count('test_calls_total', { kind: 'a', code: 'E_1' })
    metrics.set('test_size', { of: 'x' }, 7)
    metrics.observe('test_time_seconds', {}, 1.5)
    const { contentType, body } = await metrics.scrape(undefined)
    expect(contentType).toBe(PROMETHEUS)
    expect(linesOf(body, 'test_')).toEqual([
      'test_calls_total{kind="a",code="E_1"} 2',
      'test_size{of="x"} 7',
      'test_time_seconds_bucket{le="1"} 0',
      'test_time_seconds_bucket{le="2"} 1',
      'test_time_seconds_bucket{le="+Inf"} 1',
      'test_time_seconds_sum 1.5',
      'test_time_seconds_count 1',
    ])
    expect(linesOf(body, '# HELP test_')).toContain('# HELP test_size Size.')
    expect(linesOf(body, 'process_resident_memory_bytes')).toHaveLength(1)
  })

  it('keeps to the bounds of its labels, whatever it is told', async () => {
    const metrics = new MetricSet(METRICS)
    for (let index = 0; index < 1000; index++) {
      metrics.count('test_calls_total', { kind: `spiffe://example.org/${index}`, code: `E_${index}` })
      metrics.count('test_calls_total', { kind: 'b', code: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}\n' })
    }
    const lines = linesOf((await metrics.scrape(undefined)).body, 'test_calls_total')
    expect(lines).toEqual([
      'test_calls_total{kind="other",code="E_0"} 1',
      'test_calls_total{kind="b",code="other"} 1000',
      'test_calls_total{kind="other",code="E_1"} 1',
      'test_calls_total{kind="other",code="E_2"} 1',
      'test_calls_total{kind="other",code="other"} 997',
    ])
  })

  it('speaks OpenMetrics to those who ask, and the older text after that', async () => {
    const metrics = new MetricSet(METRICS)
    metrics.count('test_calls_total', { kind: 'a', code: 'E_1' })
    const before = (await metrics.scrape('text/plain')).body
    const open = await metrics.scrape('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')
    expect(open.contentType).toBe(OPENMETRICS)
    expect(open.body).toMatch(/# TYPE test_calls counter\ntest_calls_total\{.*\} 1\n/)
    expect(open.body.endsWith('# EOF\n')).toBe(true)
    const [first, second] = await Promise.all([metrics.scrape('*/*'), metrics.scrape('application/openmetrics-text')])
    expect(first.contentType).toBe(PROMETHEUS)
    expect(linesOf(first.body, '# TYPE')).toEqual(linesOf(before, '# TYPE'))
    expect(second.contentType).toBe(OPENMETRICS)
  })

  it('reads before each scrape, and gives the rest when one thing cannot be read', async () => {
    const metrics = new MetricSet(METRICS)
    let size = 0
    metrics.beforeScrape(() => {
      throw new Error('store is away')
    })
    metrics.beforeScrape(async () => metrics.set('test_size', { of: 'x' }, ++size))
    await metrics.scrape(undefined)
    expect(linesOf((await metrics.scrape(undefined)).body, 'test_size')).toEqual(['test_size{of="x"} 2'])
  })

  it('forgets a gauge whose labels come and go', async () => {
    const metrics = new MetricSet(METRICS)
    metrics.set('test_size', { of: 'x' }, 1)
    metrics.clear('test_size')
    expect(linesOf((await metrics.scrape(undefined)).body, 'test_size')).toEqual([])
  })

  it('has a registry of its own', async () => {
    const [one, other] = [new MetricSet(METRICS), new MetricSet(METRICS)]
    one.set('test_size', { of: 'x' }, 1)
    expect(linesOf((await other.scrape(undefined)).body, 'test_size')).toEqual([])
  })
})

describe('LabelGate', () => {
  it('does not count the values that are always let through against the bound', () => {
    const gate = new LabelGate(anyOf(/^E_\d$/, 1, 'none'))
    expect(['E_1', 'none', 'E_2', 'E_1', ''].map((value) => gate.admit(value))).toEqual([
      'E_1',
      'none',
      OTHER,
      'E_1',
      OTHER,
    ])
  })
})

describe('defineMetrics', () => {
  it.each([
    ['a counter that is not named like one', { test_calls: { type: 'counter', help: 'Calls.' } }],
    ['a gauge that is named like a counter', { test_size_total: { type: 'gauge', help: 'Size.' } }],
    ['a foreign prefix', { other_size: { type: 'gauge', help: 'Size.' } }],
    ['capitals', { test_Size: { type: 'gauge', help: 'Size.' } }],
    ['no help', { test_size: { type: 'gauge', help: '' } }],
    ['a label of histograms', { test_size: { type: 'gauge', help: 'Size.', labels: { le: oneOf('1') } } }],
    ['a label with a hyphen', { test_size: { type: 'gauge', help: 'Size.', labels: { 'a-b': oneOf('1') } } }],
  ] as const)('refuses %s', (_, definitions) => {
    expect(() => defineMetrics('test', definitions)).toThrow(TypeError)
  })
})
