import type { TokenProfileHost, TokenProfileOut } from '@countersign/plugin-kit'
import type { JsonObject, SigningKey } from '@countersign/protocol'
import {
  type Actor,
  type IssuedToken,
  isSameActor,
  MAX_TXN_TOKEN_LIFETIME_SECONDS,
  OAuthError,
  TOKEN_TYPES,
  type TokenOrder,
  type Transaction,
  TxnTokenIssuer,
} from '@countersign/protocol/exchange'

/**
 * Gives Transaction Tokens out: the first of a transaction, or one in place of another.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Request Processing"
 */
export class TransactionTokenOut implements TokenProfileOut {
  readonly tokenTypes = [TOKEN_TYPES.txnToken]
  readonly binding = 'never'
  readonly #issuers = new WeakMap<SigningKey, TxnTokenIssuer>()

  async issue(order: TokenOrder, host: TokenProfileHost): Promise<IssuedToken> {
    requireTransactionOrder(order, host.trustDomain)
    const { key, notAfter } = await host.signer.oauthKey()
    const { subject, scopes, issuedAt, source } = order
    const transaction = transactionOf(order, host)
    const expiresAt = Math.min(order.expiresAt, notAfter, issuedAt + MAX_TXN_TOKEN_LIFETIME_SECONDS)
    const content = { transaction, subject, scopes, actor: actorOf(order), issuedAt, expiresAt }
    const issuer = this.#issuerOf(key, host)
    const former = order.transaction
    const token = await (former === undefined
      ? issuer.issue(content)
      : issuer.replace({ ...source, transaction: former }, content))
    return {
      token,
      tokenType: 'N_A',
      issuedTokenType: TOKEN_TYPES.txnToken,
      expiresAt,
      // Services that verify it may log its hash and nothing more, so that is what finds it again here.
      id: await host.crypto.sha256Base64url(token),
      transactionId: transaction.id,
    }
  }

  #issuerOf(key: SigningKey, host: TokenProfileHost): TxnTokenIssuer {
    const known = this.#issuers.get(key)
    if (known !== undefined) return known
    const { issuer: url, trustDomain, crypto } = host
    const issuer = new TxnTokenIssuer(key, { issuer: url, trustDomain, codec: crypto.codec })
    this.#issuers.set(key, issuer)
    return issuer
  }
}

/** @throws OAuthError for an order that a Transaction Token cannot say, or that is not for this trust domain alone */
function requireTransactionOrder({ audience, confirmation }: TokenOrder, trustDomain: string): void {
  const [only, second] = audience
  if (only !== trustDomain || second !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_TARGET', 'a transaction token is for the trust domain of its service alone')
  }
  // What binds it is the proof of each request that it goes with. A rule that has not said so may have meant a key.
  if (confirmation !== undefined) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'a transaction token cannot be bound to a key')
  }
}

function transactionOf(order: TokenOrder, host: TokenProfileHost): Transaction {
  const { transaction: former, transactionRequest, clientId, claims } = order
  return {
    id: former?.id ?? host.signer.newId(),
    context: extend(former?.context, withClaims(transactionRequest?.details, claims)),
    requestContext: extend(former?.requestContext, transactionRequest?.context),
    requestingWorkloads: [...(former?.requestingWorkloads ?? []), clientId],
  }
}

/** Of a value that is there already the new one counts, so that a change is seen and refused, not passed over. */
function extend(former: JsonObject | undefined, added: JsonObject | undefined): JsonObject | undefined {
  return former === undefined || added === undefined ? (former ?? added) : { ...former, ...added }
}

/**
 * What the subject's issuer says stands beside what the client says.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` when the client would say it in the issuer's place
 */
function withClaims(details: JsonObject | undefined, claims: TokenOrder['claims']): JsonObject | undefined {
  const names = Object.keys(claims)
  if (names.length === 0) return details
  if (names.some((name) => details !== undefined && Object.hasOwn(details, name))) {
    throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', "'request_details' names what the subject's issuer states")
  }
  return { ...details, ...claims }
}

/** Who acts in the transaction is among those who asked for its tokens. Left are those who acted before. */
function actorOf({ actor, source, clientId }: TokenOrder): Actor | undefined {
  const isAsking = actor?.subject === clientId && isSameActor(actor.previous, source.actor)
  return isAsking ? source.actor : actor
}
