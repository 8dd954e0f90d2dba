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
  /** Every hop verified and every attack refused. */
  readonly ok: boolean
  readonly hops: readonly HopOutcome[]
  readonly attacks: readonly AttackOutcome[]
}
