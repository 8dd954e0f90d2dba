/** Whom a process acts as, from `/proc/<pid>/status`. */
export interface ProcessStatus {
  readonly effectiveUid: number
  readonly effectiveGid: number
  readonly supplementaryGroups: readonly number[]
}

/** Position of the effective id in `real effective saved filesystem`. */
const EFFECTIVE = 1

/** @returns `undefined` when a line is missing. The kernel escapes line breaks in names, so no line can be forged. */
export function parseProcessStatus(text: string): ProcessStatus | undefined {
  const effectiveUid = idsOf(text, 'Uid')?.[EFFECTIVE]
  const effectiveGid = idsOf(text, 'Gid')?.[EFFECTIVE]
  const supplementaryGroups = idsOf(text, 'Groups')
  if (effectiveUid === undefined || effectiveGid === undefined || supplementaryGroups === undefined) return undefined
  return { effectiveUid, effectiveGid, supplementaryGroups }
}

function idsOf(text: string, name: string): number[] | undefined {
  const values = new RegExp(`^${name}:([\\t 0-9]*)$`, 'm').exec(text)?.[1]
  return values?.match(/[0-9]+/g)?.map(Number) ?? (values === undefined ? undefined : [])
}
