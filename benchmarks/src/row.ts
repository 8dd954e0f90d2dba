import { type Measurement, ratio } from './interleave.ts'

/** What a row should reach, as ratios of CPU time: more is better. */
export interface Target {
  readonly toLimit?: number
  readonly toPeer?: number
}

/**
 * One line of the report. Figures are operations per CPU second; `peer` and `limit` name what they were measured on. A
 * peer that is not installed here has no figures: its name says so, and the row is judged by its limit alone.
 */
export interface Row {
  readonly name: string
  readonly ours: number
  /** Of `ours` and `limit`, where they are not operations per CPU second but something of which less is better. */
  readonly unit?: string
  readonly peer: number | null
  readonly peerName: string
  readonly limit: number
  readonly limitName: string
  readonly ratioToPeer: number | null
  readonly ratioToLimit: number
  readonly target: Target
  readonly ok: boolean
}

/** Share of a target that may be missing: the noise left in medians on a shared machine. */
const TOLERANCE = 0.9

export function toRow(
  name: string,
  measured: { readonly ours: Measurement; readonly peer?: Measurement; readonly limit: Measurement },
  names: { readonly peer: string; readonly limit: string },
  target: Target,
): Row {
  const ratioToPeer = measured.peer === undefined ? null : ratio(measured.ours, measured.peer)
  const ratioToLimit = ratio(measured.ours, measured.limit)
  return {
    name,
    ours: Math.round(measured.ours.perCpuSecond),
    peer: measured.peer === undefined ? null : Math.round(measured.peer.perCpuSecond),
    peerName: names.peer,
    limit: Math.round(measured.limit.perCpuSecond),
    limitName: names.limit,
    ratioToPeer,
    ratioToLimit,
    target,
    ok: reaches(ratioToPeer, target.toPeer) && reaches(ratioToLimit, target.toLimit),
  }
}

/**
 * A row about something there should be little of, such as memory or time, with a fixed bound in place of a limit. Its ratio
 * is bound to figure, so that more is better here too. There is no tolerance: the bound is the promise.
 */
export function toBoundRow(name: string, figure: number, unit: string, bound: number): Row {
  const ratioToLimit = bound / figure
  return {
    name,
    ours: Math.round(figure * 10) / 10,
    unit,
    peer: null,
    peerName: '-',
    limit: bound,
    limitName: `at most ${bound} ${unit}`,
    ratioToPeer: null,
    ratioToLimit,
    target: { toLimit: 1 },
    ok: ratioToLimit >= 1,
  }
}

/** A row about something there should be much of, per CPU second, with a fixed bound in place of a limit. */
export function atLeastRow(name: string, figure: number, bound: number): Row {
  const ratioToLimit = figure / bound
  return {
    ...{ name, ours: Math.round(figure), peer: null, peerName: '-', limit: bound, limitName: `at least ${bound}` },
    ...{ ratioToPeer: null, ratioToLimit, target: { toLimit: 1 }, ok: ratioToLimit >= 1 },
  }
}

function reaches(ratio: number | null, target = 0): boolean {
  return ratio === null || ratio >= target * TOLERANCE
}
