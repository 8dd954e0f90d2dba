import {
  CredentialError,
  PolicyError,
  ProofError,
  type TrustedKeys,
  TxnTokenVerifier,
  type VerifiedTxnToken,
} from '@countersign/protocol'
import type { Caller } from '../verification/caller.ts'
import type { ReceivedTransaction } from './ongoing-transaction.ts'
import type { PublishedKeys } from './published-keys.ts'

/** How a service takes Transaction Tokens. */
export interface TransactionOptions {
  /** The service's own trust domain, which a token must be for. */
  readonly trustDomain: string
  /** Keys of its Transaction Token Service. */
  readonly keys: Pick<PublishedKeys, 'current' | 'refresh'>
  /** Whether a request without a token is refused. Default true. */
  readonly required?: boolean
  /** Which workloads may have asked for the token (`req_wl`). Default: whichever the service let ask. */
  readonly requestedBy?: (workload: string) => boolean
}

/**
 * Verifies the Transaction Token of a request whose sender is known. The token says nothing of the sender; what makes it this
 * request's is the proof that covers it, or the connection it came by.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Validation"
 */
export class TransactionVerifier {
  readonly #options: TransactionOptions
  readonly #verifier: TxnTokenVerifier
  #keys: TrustedKeys | undefined

  constructor(options: TransactionOptions, clockSkewSeconds: number | undefined) {
    const { trustDomain } = options
    this.#options = options
    this.#verifier = new TxnTokenVerifier({
      trustDomain,
      keys: () => this.#keys,
      ...(clockSkewSeconds === undefined ? {} : { clockSkewSeconds }),
    })
  }

  /**
   * @returns `undefined` for a request without a token, where that is allowed
   * @throws CredentialError as `TxnTokenVerifier`; ProofError `ERR_PROOF_TXN_TOKEN` beside a bearer token
   * @throws PolicyError `ERR_POLICY_TRANSACTION` without a token, or for one that another should have asked for
   * @throws SdkError `ERR_SDK_KEYS`
   */
  async verify({ txnToken, binding, id }: Caller, now: number): Promise<ReceivedTransaction | undefined> {
    const { required = true, requestedBy } = this.#options
    if (txnToken === undefined) {
      if (!required) return undefined
      throw new PolicyError('ERR_POLICY_TRANSACTION', 'this may be called only in a transaction', {
        detail: id.toString(),
      })
    }
    // Whoever came by the two could send them together.
    if (binding === 'bearer') {
      throw new ProofError('ERR_PROOF_TXN_TOKEN', 'a transaction token beside a bearer token is bound to nothing')
    }
    const content = await this.#verify(txnToken, now)
    if (requestedBy !== undefined && requestedBy(content.requestingWorkload) !== true) {
      throw new PolicyError('ERR_POLICY_TRANSACTION', 'transaction token was asked for by another workload', {
        detail: `req_wl ${content.requestingWorkload.slice(0, 200)}`,
      })
    }
    return { content, token: async () => txnToken }
  }

  async #verify(token: string, now: number): Promise<VerifiedTxnToken> {
    const { keys } = this.#options
    this.#keys = await keys.current()
    try {
      return await this.#verifier.verify(token, now)
    } catch (error) {
      if (!(error instanceof CredentialError) || error.code !== 'ERR_CREDENTIAL_KEY_UNKNOWN') throw error
      // Perhaps the key is new. What is known after that decides.
      await keys.refresh()
      this.#keys = await keys.current()
      return this.#verifier.verify(token, now)
    }
  }
}
