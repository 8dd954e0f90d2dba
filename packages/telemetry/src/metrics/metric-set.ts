import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { LabelGate } from './label-rule.ts'
import type { LabelsOf, MetricDefinition, MetricDefinitions, NamesOf } from './metric-definition.ts'

/** Metrics of one program as text. */
export interface Exposition {
  readonly contentType: string
  readonly body: string
}

export interface ScrapeSource {
  /** @param accept the header of that name, for the choice between Prometheus' text and OpenMetrics */
  scrape(accept: string | undefined): Promise<Exposition>
}

type Labels = Readonly<Record<string, string>>
type Instrument = Counter | Gauge | Histogram
type PromRegistry = Registry<typeof Registry.PROMETHEUS_CONTENT_TYPE | typeof Registry.OPENMETRICS_CONTENT_TYPE>

/** How often the delay of the event loop is looked at: the default would wake an idle agent a hundred times a second. */
const EVENT_LOOP_PRECISION_MS = 250

/** The metrics of one program, in a registry of their own. Every label value passes the bound that its definition sets. */
export class MetricSet<Definitions extends MetricDefinitions> implements ScrapeSource {
  readonly #registry: PromRegistry = new Registry()
  readonly #instruments = new Map<string, Instrument>()
  readonly #gates = new Map<string, Readonly<Record<string, LabelGate>>>()
  readonly #readers: (() => Promise<void> | void)[] = []
  #running: Promise<unknown> = Promise.resolve()

  constructor(definitions: Definitions) {
    for (const [name, definition] of Object.entries(definitions)) {
      const labels = definition.labels ?? {}
      this.#instruments.set(name, createInstrument(name, definition, Object.keys(labels), this.#registry))
      this.#gates.set(
        name,
        Object.fromEntries(Object.entries(labels).map(([label, rule]) => [label, new LabelGate(rule)])),
      )
    }
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS })
  }

  count<Name extends NamesOf<Definitions, 'counter'>>(name: Name, labels: LabelsOf<Definitions[Name]>): void {
    const counter = this.#instruments.get(name) as Counter
    counter.inc(this.#admitted(name, labels))
  }

  set<Name extends NamesOf<Definitions, 'gauge'>>(
    name: Name,
    labels: LabelsOf<Definitions[Name]>,
    value: number,
  ): void {
    const gauge = this.#instruments.get(name) as Gauge
    gauge.set(this.#admitted(name, labels), value)
  }

  observe<Name extends NamesOf<Definitions, 'histogram'>>(
    name: Name,
    labels: LabelsOf<Definitions[Name]>,
    value: number,
  ): void {
    const histogram = this.#instruments.get(name) as Histogram
    histogram.observe(this.#admitted(name, labels), value)
  }

  /** Forgets every value of a gauge, for those whose labels come and go. */
  clear(name: NamesOf<Definitions, 'gauge'>): void {
    this.#instruments.get(name)?.reset()
  }

  /** Called before each scrape, to read what is not counted as it happens. */
  beforeScrape(read: () => Promise<void> | void): void {
    this.#readers.push(read)
  }

  /** One after the other: the registry knows one format at a time. */
  scrape(accept: string | undefined): Promise<Exposition> {
    const scrape = this.#running.then(async () => {
      // What cannot be read keeps nothing else from being scraped; its gauges are then those of the last time.
      await Promise.allSettled(this.#readers.map(async (read) => read()))
      return prefersOpenMetrics(accept) ? this.#openMetrics() : this.#prometheusText()
    })
    this.#running = scrape.catch(() => {})
    return scrape
  }

  async #prometheusText(): Promise<Exposition> {
    this.#registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE)
    return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: await this.#registry.metrics() }
  }

  /** OpenMetrics names counters without `_total`. The registry renames them for good, so their names are put back. */
  async #openMetrics(): Promise<Exposition> {
    const names = this.#registry.getMetricsAsArray().map((metric) => [metric, metric.name] as const)
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    try {
      return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, body: await this.#registry.metrics() }
    } finally {
      for (const [metric, name] of names) metric.name = name
    }
  }

  #admitted(name: string, labels: Labels): Record<string, string> {
    const gates = this.#gates.get(name) ?? {}
    const admitted: Record<string, string> = {}
    for (const label in gates) admitted[label] = gates[label]?.admit(labels[label] ?? '') ?? ''
    return admitted
  }
}

function createInstrument(
  name: string,
  definition: MetricDefinition,
  labelNames: readonly string[],
  registry: PromRegistry,
): Instrument {
  const common = { name, help: definition.help, labelNames, registers: [registry as Registry] }
  switch (definition.type) {
    case 'counter':
      return new Counter(common)
    case 'gauge':
      return new Gauge(common)
    case 'histogram':
      return new Histogram({ ...common, buckets: [...definition.buckets] })
  }
}

/** Whether OpenMetrics is asked for by name. A client that takes anything gets the older text, which every one reads. */
function prefersOpenMetrics(accept: string | undefined): boolean {
  return accept !== undefined && accept.length <= 1024 && /(?:^|,)\s*application\/openmetrics-text\b/.test(accept)
}
