import { runWithTransaction } from '../context/call-context.ts'
import { SdkError } from '../sdk-error.ts'
import type { OngoingTransaction } from './ongoing-transaction.ts'
import type { TxnToken } from './request-txn-token.ts'

/** A transaction that begins, or goes on, in this program. Its token is asked for at the first call that needs it. */
export class BegunTransaction implements OngoingTransaction {
  readonly content = undefined
  readonly #request: () => Promise<TxnToken>
  readonly #now: () => number
  #token: Promise<TxnToken> | undefined

  /** Use `TransactionTokens`. */
  constructor(request: () => Promise<TxnToken>, now: () => number) {
    this.#request = request
    this.#now = now
  }

  /**
   * The one token of this transaction: all who ask, also at once, get the same. After a failure the next one asks again.
   *
   * @throws SdkError `ERR_SDK_TRANSACTION_OVER` when its time is over: a second token would be a second transaction
   * @throws SdkError `ERR_SDK_TOKEN_REFUSED`, `ERR_SDK_TOKEN_RESPONSE`; and as `workload.fetch`
   */
  readonly token = async (): Promise<string> => {
    this.#token ??= this.#request().catch((error: unknown) => {
      this.#token = undefined
      throw error
    })
    const { token, expiresAt } = await this.#token
    if (expiresAt <= this.#now()) {
      throw new SdkError('ERR_SDK_TRANSACTION_OVER', 'the time of this transaction is over')
    }
    return token
  }

  /** Runs code whose calls by `workload.fetch` are made in this transaction. */
  run<T>(run: () => T): T {
    return runWithTransaction(this, run)
  }
}
