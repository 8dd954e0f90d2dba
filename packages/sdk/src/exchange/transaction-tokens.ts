import { TOKEN_TYPES } from '@countersign/protocol/exchange'
import { currentTransaction } from '../context/call-context.ts'
import { SdkError } from '../sdk-error.ts'
import { BegunTransaction } from './begun-transaction.ts'
import {
  requestTxnToken,
  type TransactionPurpose,
  type TransactionService,
  type TransactionSubject,
} from './request-txn-token.ts'
import { requireServiceUrl } from './service-url.ts'

/** Begins transactions at the trust domain's Transaction Token Service: for gateways, and for jobs that nobody called. */
export class TransactionTokens {
  readonly #service: TransactionService

  /** @throws TypeError unless the endpoint is https, or on this host */
  constructor(service: TransactionService) {
    requireServiceUrl(service.tokenEndpoint)
    this.#service = service
  }

  /**
   * Begins a transaction for whoever the caller's access token is about. The access token itself stays here: what goes on is
   * the transaction token.
   *
   * @param accessToken without its scheme
   */
  begin(accessToken: string, purpose: TransactionPurpose): BegunTransaction {
    return this.beginFor({ token: accessToken, type: TOKEN_TYPES.accessToken }, purpose)
  }

  /** Begins a transaction for what another token says, or an unsigned JSON object, where a rule of the service takes it. */
  beginFor(subject: TransactionSubject, purpose: TransactionPurpose): BegunTransaction {
    return this.#asking(async () => subject, purpose)
  }

  /**
   * Goes on with the transaction of the request being handled by a token of its own: with less scope, or with something added.
   *
   * @throws SdkError `ERR_SDK_REQUEST` outside of a transaction
   */
  replace(purpose: TransactionPurpose): BegunTransaction {
    const former = currentTransaction()
    if (former === undefined) throw new SdkError('ERR_SDK_REQUEST', 'there is no transaction here to go on with')
    return this.#asking(async () => ({ token: await former.token(), type: TOKEN_TYPES.txnToken }), purpose)
  }

  #asking(subject: () => Promise<TransactionSubject>, purpose: TransactionPurpose): BegunTransaction {
    const { runtime } = this.#service.workload
    return new BegunTransaction(async () => requestTxnToken(this.#service, await subject(), purpose), runtime.now)
  }
}
