import { type Measurement, ratio } from './interleave.ts'

/** What a row should reach, as ratios of CPU time: more is better. */
export interface Target {
  readonly toLimit?: number
  readonly toPeer?: number
}

/** One line of the report. Figures are operations per CPU second; `peer` and `limit` name what they were measured on. */
export interface Row {
  readonly name: string
  readonly ours: number
  readonly peer: number
  readonly peerName: string
  readonly limit: number
  readonly limitName: string
  readonly ratioToPeer: number
  readonly ratioToLimit: number
  readonly target: Target
  readonly ok: boolean
}

/** Share of a target that may be missing: the noise left in medians on a shared machine. */
const TOLERANCE = 0.9

export function toRow(
  name: string,
  measured: { readonly ours: Measurement; readonly peer: Measurement; readonly limit: Measurement },
  names: { readonly peer: string; readonly limit: string },
  target: Target,
): Row {
  const ratioToPeer = ratio(measured.ours, measured.peer)
  const ratioToLimit = ratio(measured.ours, measured.limit)
  return {
    name,
    ours: Math.round(measured.ours.perCpuSecond),
    peer: Math.round(measured.peer.perCpuSecond),
    peerName: names.peer,
    limit: Math.round(measured.limit.perCpuSecond),
    limitName: names.limit,
    ratioToPeer,
    ratioToLimit,
    target,
    ok: ratioToPeer >= (target.toPeer ?? 0) * TOLERANCE && ratioToLimit >= (target.toLimit ?? 0) * TOLERANCE,
  }
}
