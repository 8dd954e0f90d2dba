import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NO_FILES } from '../store/used-token-files-store.ts'
import { readSegment, type SegmentContent } from './used-token-segment.ts'

export const USED_TOKENS_FOLDER = 'used-tokens'

/**
 * Why what was used cannot be told for certain:
 *
 * - `lost`: the files are not there, or are damaged
 * - `other`: they belong to another store, or the store was put back to an earlier state
 * - `copied`: they were copied here, and may be of any age
 * - `system-stopped`: the operating system stopped before they were closed, and may not have written all
 */
export type LossCause = 'lost' | 'other' | 'copied' | 'system-stopped'

export interface FoundUsedTokens {
  readonly loss: LossCause | undefined
  /** What is remembered is in these. Empty when it cannot be believed. */
  readonly segments: readonly SegmentContent[]
  /** The latest fence that is still to be kept. */
  readonly fence: number
  /** Numbers of these. */
  readonly numbers: readonly number[]
  /** Highest number of a file that is there; 0 without one. */
  readonly newest: number
}

export interface ExpectedUsedTokens {
  readonly folder: string
  /** Name that the store knows the files by; `NO_FILES` when it knows none. */
  readonly name: string
  readonly bootId: string | undefined
}

/** Looks at what is there, and changes nothing. */
export function readUsedTokens({ folder, name, bootId }: ExpectedUsedTokens): FoundUsedTokens {
  const newest = listSegments(folder).at(-1) ?? 0
  const nothing = (loss: LossCause) => ({ loss, segments: [], fence: 0, numbers: [], newest })
  const read = (number: number) => readSegment(join(folder, segmentName(number)))
  if (name === NO_FILES) return nothing('other')
  const last = read(newest)
  if (last === undefined) return nothing('lost')
  const numbers = [...(last.isComplete ? [] : last.older), newest]
  const segments: SegmentContent[] = []
  for (const segment of numbers.map((number) => (number === newest ? last : read(number)))) {
    if (segment === undefined) return nothing('lost')
    if (segment.log !== name) return nothing('other')
    if (!segment.isOriginal) return nothing('copied')
    segments.push(segment)
  }
  const isWhole = last.isClosed || (bootId !== undefined && last.bootId === bootId)
  if (!isWhole) return nothing('system-stopped')
  return { loss: undefined, segments, fence: Math.max(...segments.map(({ fence }) => fence)), numbers, newest }
}

export function segmentName(number: number): string {
  return String(number).padStart(10, '0')
}

export function listSegments(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{10}$/.test(name))
      .map(Number)
      .sort((one, other) => one - other)
  } catch {
    return []
  }
}
