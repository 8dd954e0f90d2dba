import type { Probe } from './probe.ts'

export { SkipCheck, skip } from './skip-check.ts'

/** How much a requirement binds: the standard's MUST, its SHOULD, or our own idea of a robust server. */
export type Level = 'MUST' | 'SHOULD' | 'hardening'

/** One requirement on a server, and how to look whether it is met. */
export interface Check {
  /** Stable: results of different servers and days are compared by it. */
  readonly id: string
  readonly level: Level
  /** What a good server does. */
  readonly title: string
  /** Document and section that ask for it. */
  readonly section: string
  /** Checks without which this one cannot be judged; it is skipped unless all of them passed. */
  readonly needs?: readonly string[]
  /** What is looked for, as a report says it. */
  readonly expected: string
  /**
   * What was seen instead, or `undefined` when the requirement is met. Never a key or a token.
   *
   * @throws SkipCheck when this server gives no occasion to judge it
   */
  readonly look: (probe: Probe) => Promise<string | undefined> | string | undefined
}

/** A requirement whose level stands in its name, to keep tables of checks readable. */
type Requirement = Omit<Check, 'id' | 'level'>

export const must = (id: string, requirement: Requirement): Check => ({ id, level: 'MUST', ...requirement })
export const should = (id: string, requirement: Requirement): Check => ({ id, level: 'SHOULD', ...requirement })
export const hardening = (id: string, requirement: Requirement): Check => ({ id, level: 'hardening', ...requirement })
