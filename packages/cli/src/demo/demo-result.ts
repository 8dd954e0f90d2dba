import type { CrossingOutcome } from './crossing/play-crossing.ts'
import type { Hop } from './hop.ts'

/** A hop held against what it had to be. */
export interface HopOutcome extends Hop {
  readonly verified: boolean
  /** What was wrong with it, when not verified. */
  readonly problem: string | undefined
}

/** An attack held against how it had to be refused. */
export interface AttackOutcome {
  readonly name: string
  readonly title: string
  /** Refused, and for the one reason it was made to test. */
  readonly refused: boolean
  readonly expectedCode: string
  readonly code: string | undefined
  readonly status: number | undefined
  readonly notes: readonly string[]
}

export interface DemoResult {
  /** Every hop verified, the user seen as they must be, and every attack refused. */
  readonly ok: boolean
  readonly hops: readonly HopOutcome[]
  /** The user who went from one domain to the other. */
  readonly crossing: CrossingOutcome
  readonly attacks: readonly AttackOutcome[]
}
