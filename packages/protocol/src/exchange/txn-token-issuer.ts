import { type Codec, portableCodec } from '../encoding/codec.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { formatActor } from './actor-chain.ts'
import { OAuthError } from './oauth-error.ts'
import { JWT_TYPES } from './oauth-names.ts'
import { formatRequestingWorkloads, MAX_REQUESTING_WORKLOADS } from './requesting-workloads.ts'
import { requireContextSize } from './transaction-request.ts'
import type { TxnTokenContent } from './txn-token-content.ts'
import { type FormerTxnToken, requireReplacement } from './txn-token-replacement.ts'

export interface TxnTokenIssuerOptions {
  /** `iss`. */
  readonly issuer: string
  /** `aud`: the one trust domain in which its tokens are good. */
  readonly trustDomain: string
  readonly codec?: Codec | undefined
}

/** Longest life of a Transaction Token in seconds: "minutes or less", says the draft. */
export const MAX_TXN_TOKEN_LIFETIME_SECONDS = 600

/**
 * Issues Transaction Tokens under one key, made once for it. Nothing of the token that a transaction began with goes into
 * one but what the content names: an access token inside could be taken out and used.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Format" and "Txn-Token Request Processing"
 */
export class TxnTokenIssuer {
  readonly #key: SigningKey
  readonly #issuer: string
  readonly #trustDomain: string
  readonly #header: string
  readonly #codec: Codec

  /** @throws IssuanceError `ERR_ISSUANCE_KEY_ID` without a `kid`; `ERR_ISSUANCE_AUDIENCE` without a trust domain */
  constructor(key: SigningKey, { issuer, trustDomain, codec = portableCodec }: TxnTokenIssuerOptions) {
    const kid = key.publicJwk.kid
    if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'a transaction token needs a key with a kid')
    if (trustDomain === '') throw new IssuanceError('ERR_ISSUANCE_AUDIENCE', 'a transaction token needs a trust domain')
    this.#key = key
    this.#issuer = issuer
    this.#trustDomain = trustDomain
    this.#codec = codec
    this.#header = encodeJwsHeader({ alg: key.alg, typ: JWT_TYPES.txnToken, kid })
  }

  /**
   * Issues the first token of a transaction.
   *
   * @returns the compact token
   * @throws OAuthError `ERR_OAUTH_INVALID_SCOPE` without a scope, `ERR_OAUTH_INVALID_REQUEST` for contexts that are too large
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT`, `ERR_ISSUANCE_LIFETIME`, `ERR_ISSUANCE_CLAIM`
   */
  issue(content: TxnTokenContent): Eventual<string> {
    if (content.transaction.requestingWorkloads.length !== 1) {
      throw new IssuanceError('ERR_ISSUANCE_CLAIM', 'one workload asks for the first token of a transaction')
    }
    return this.#sign(content)
  }

  /**
   * Issues a token in place of another one of the same transaction: the same, with less scope or less time, and with values
   * added to its contexts.
   *
   * @param former verified, and not expired at `issuedAt`
   * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST`, `ERR_OAUTH_INVALID_SCOPE`, `ERR_OAUTH_INVALID_TARGET` for whatever a
   *   replacement may not change
   * @throws IssuanceError as {@link issue}
   */
  replace(former: FormerTxnToken, content: TxnTokenContent): Eventual<string> {
    requireReplacement(former, content, this.#trustDomain)
    return this.#sign(content)
  }

  #sign({ transaction, subject, scopes, actor, issuedAt, expiresAt }: TxnTokenContent): Eventual<string> {
    const { id, context, requestContext, requestingWorkloads } = transaction
    if (subject === '') throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'a transaction token needs a subject')
    if (id === '' || requestingWorkloads.includes('')) {
      throw new IssuanceError('ERR_ISSUANCE_CLAIM', 'a transaction needs a name, and so does who asks for it')
    }
    if (!(expiresAt > issuedAt && expiresAt - issuedAt <= MAX_TXN_TOKEN_LIFETIME_SECONDS)) {
      throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive, and minutes at most')
    }
    if (requestingWorkloads.length > MAX_REQUESTING_WORKLOADS) {
      throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'transaction token was replaced too often')
    }
    if (scopes.length === 0) {
      throw new OAuthError('ERR_OAUTH_INVALID_SCOPE', 'a transaction token must say by its scope what it is for')
    }
    requireContextSize(context, 'tctx')
    requireContextSize(requestContext, 'rctx')
    const claims = {
      iss: this.#issuer,
      iat: issuedAt,
      aud: this.#trustDomain,
      exp: expiresAt,
      txn: id,
      sub: subject,
      scope: scopes.join(' '),
      ...formatRequestingWorkloads(requestingWorkloads),
      ...(context === undefined ? {} : { tctx: context }),
      ...(requestContext === undefined ? {} : { rctx: requestContext }),
      ...(actor === undefined ? {} : { act: formatActor(actor) }),
    }
    return signJws(this.#header, claims, this.#key, this.#codec)
  }
}
