import type { VerifiedTxnToken } from '@countersign/protocol'

/** A transaction that calls are made in. */
export interface OngoingTransaction {
  /**
   * The token that goes with each call, unmodified.
   *
   * @throws SdkError as `BegunTransaction.token`
   */
  readonly token: () => Promise<string>
  /** What it says, where it was received and verified; `undefined` where it was begun here. */
  readonly content: VerifiedTxnToken | undefined
}

/** A transaction that a request came in. */
export interface ReceivedTransaction extends OngoingTransaction {
  readonly content: VerifiedTxnToken
}
