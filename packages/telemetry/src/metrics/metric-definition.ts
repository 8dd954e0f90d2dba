import type { LabelRule } from './label-rule.ts'

interface Common {
  /** One sentence for whoever reads a dashboard. */
  readonly help: string
  readonly labels?: Readonly<Record<string, LabelRule>>
}

export interface CounterDefinition extends Common {
  readonly type: 'counter'
}

export interface GaugeDefinition extends Common {
  readonly type: 'gauge'
}

export interface HistogramDefinition extends Common {
  readonly type: 'histogram'
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[]
}

export type MetricDefinition = CounterDefinition | GaugeDefinition | HistogramDefinition

/** By full name, as it is scraped. */
export type MetricDefinitions = Readonly<Record<string, MetricDefinition>>

export type NamesOf<Definitions extends MetricDefinitions, Type extends MetricDefinition['type']> = {
  [Name in keyof Definitions]: Definitions[Name] extends { readonly type: Type } ? Name : never
}[keyof Definitions] &
  string

export type LabelsOf<Definition> = Definition extends { readonly labels: infer Labels }
  ? { readonly [Label in keyof Labels]: string }
  : Readonly<Record<string, never>>

/** Seconds of work that usually takes milliseconds. */
export const QUICK_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const
/** Seconds of what goes over a network, or waits. */
export const SLOW_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const

/**
 * Checks names as a program starts rather than as a dashboard stays empty.
 *
 * @throws TypeError for a name or label that Prometheus' conventions do not allow
 * @see https://prometheus.io/docs/practices/naming/
 */
export function defineMetrics<const Definitions extends MetricDefinitions>(
  prefix: string,
  definitions: Definitions,
): Definitions {
  for (const [name, { type, help, labels = {} }] of Object.entries(definitions)) {
    const isWellFormed = name.startsWith(`${prefix}_`) && /^[a-z][a-z0-9_]*[a-z0-9]$/.test(name)
    const isCounterName = name.endsWith('_total')
    if (!isWellFormed || isCounterName !== (type === 'counter')) throw new TypeError(`not a name of a ${type}: ${name}`)
    if (help.length === 0) throw new TypeError(`metric without help: ${name}`)
    for (const label of Object.keys(labels)) {
      if (!/^[a-z][a-z0-9_]*$/.test(label) || label === 'le') throw new TypeError(`not a label of ${name}: ${label}`)
    }
  }
  return definitions
}
