import type { Program } from './program.ts'

/** What a program's telemetry listener says. */
export interface Telemetry {
  readonly url: string
  /** One sample, by name and labels as they stand in the text; 0 when there is none. */
  value(sample: string): Promise<number>
  ready(): Promise<{ readonly status: number; readonly checks: readonly { name: string; reason?: string }[] }>
  live(): Promise<number>
}

/** Finds the listener in what the program printed when it was ready. */
export function telemetryOf(program: Program): Telemetry {
  const url = /telemetry\s+(http:\/\/\S+)/.exec(program.output)?.[1] ?? 'no telemetry printed'
  return {
    url,
    async value(sample) {
      const text = await (await fetch(`${url}/metrics`)).text()
      const line = text.split('\n').find((each) => each.startsWith(`${sample} `))
      return Number(line?.slice(sample.length) ?? 0)
    },
    async ready() {
      const response = await fetch(`${url}/ready`)
      const { checks } = (await response.json()) as { checks: { name: string; reason?: string }[] }
      return { status: response.status, checks }
    },
    live: async () => (await fetch(`${url}/live`)).status,
  }
}
