import type { Actor } from './actor-chain.ts'
import type { Transaction } from './exchanged-subject.ts'

/** What a Transaction Token is to say. */
export interface TxnTokenContent {
  /** Whoever asks for this token stands last among its requesting workloads. */
  readonly transaction: Transaction
  readonly subject: string
  /** At least one. */
  readonly scopes: readonly string[]
  /** Who acted for the subject before the transaction began. Those within it are its requesting workloads. */
  readonly actor?: Actor | undefined
  /** Seconds since the Unix epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}
