/**
 * Measures variants of one piece of work against each other on a machine that is shared and noisy: many short slices,
 * every round runs each variant once in rotating order, and what is reported are medians of per-round ratios of work per
 * CPU second. Absolute figures are the least disturbed slice's, for orientation only.
 */

/**
 * One way of doing the work: one call of `run` is one operation, and `inFlight` calls overlap when the work is
 * asynchronous. What runs in another process measures itself, in operations per CPU second.
 */
export type Variant =
  | { readonly run: () => unknown; readonly inFlight?: number }
  | { readonly measure: (milliseconds: number) => Promise<number> }

export interface Measurement {
  /** Operations per CPU second of the process, all threads; the 90th percentile of the slices. */
  readonly perCpuSecond: number
  /** Per round, for ratios. */
  readonly rounds: readonly number[]
}

export interface Effort {
  readonly rounds: number
  readonly sliceMs: number
}

const BATCH = 8

export async function interleave<Name extends string>(
  variants: Readonly<Record<Name, Variant>>,
  effort: Effort,
): Promise<Readonly<Record<Name, Measurement>>> {
  const names = Object.keys(variants) as Name[]
  const rounds = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  for (const name of names) await slice(variants[name], effort.sliceMs * 3)
  for (let round = 0; round < effort.rounds; round++) {
    for (let step = 0; step < names.length; step++) {
      const name = names[(round + step) % names.length] as Name
      rounds[name].push(await slice(variants[name], effort.sliceMs))
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, { perCpuSecond: quantile(rounds[name], 0.9), rounds: rounds[name] }]),
  ) as unknown as Record<Name, Measurement>
}

/** Median of the ratios of two variants, round by round. */
export function ratio(ours: Measurement, other: Measurement): number {
  return quantile(
    ours.rounds.map((value, round) => value / (other.rounds[round] as number)),
    0.5,
  )
}

async function slice(variant: Variant, milliseconds: number): Promise<number> {
  if ('measure' in variant) return await variant.measure(milliseconds)
  const cpuBefore = process.cpuUsage()
  const end = performance.now() + milliseconds
  let operations = 0
  if (variant.inFlight === undefined) {
    do {
      for (let index = 0; index < BATCH; index++) variant.run()
      operations += BATCH
    } while (performance.now() < end)
  } else {
    const worker = async () => {
      while (performance.now() < end) {
        await variant.run()
        operations++
      }
    }
    await Promise.all(Array.from({ length: variant.inFlight }, worker))
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  return operations / ((user + system) / 1e6)
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] as number
}
