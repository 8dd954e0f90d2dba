import type { PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, CredentialError, isType, type JsonObject, TxnTokenVerifier } from '@countersign/protocol'
import {
  type ExchangedSubject,
  JWT_TYPES,
  parseActor,
  parseRequestingWorkloads,
  TOKEN_TYPES,
} from '@countersign/protocol/exchange'

const PROFILE = 'transaction-token'

/**
 * Takes Transaction Tokens of this service back in, to go on with their transaction. As a subject alone: such a token says
 * nothing of who sends it.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token as a `subject_token`"
 */
export class TransactionTokenIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.txnToken]
  readonly roles = ['subject'] as const
  readonly vouchers = ['self'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, TxnTokenVerifier>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    return jws !== undefined && isType(jws.header, JWT_TYPES.txnToken)
  }

  async verify({ token, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const { claims, ...verified } = await this.#verifierOf(host).verify(token, now)
    const { self, trustDomain } = host
    if (claims['iss'] !== self.url) {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'transaction token is of another service')
    }
    const requestingWorkloads = parseRequestingWorkloads(claims)
    return {
      profile: PROFILE,
      issuer: self.name,
      issuerUrl: self.url,
      subject: verified.subject,
      localSubject: verified.subject,
      claims: { ...claimsOfContext(verified.transactionContext), req_wl: requestingWorkloads },
      scopes: verified.scopes,
      audience: [trustDomain],
      expiresAt: verified.expiresAt,
      issuedAt: verified.issuedAt,
      tokenId: undefined,
      confirmation: undefined,
      confirmationKey: undefined,
      actor: parseActor(claims),
      mayAct: undefined,
      clientId: undefined,
      transaction: {
        id: verified.transactionId,
        context: verified.transactionContext,
        requestContext: verified.requestContext,
        requestingWorkloads,
      },
      digest: await host.crypto.sha256Base64url(token),
    }
  }

  #verifierOf(host: TokenProfileHost): TxnTokenVerifier {
    const known = this.#verifiers.get(host)
    if (known !== undefined) return known
    const { trustDomain, self } = host
    // By the clock that issued it, so there is no difference to tolerate.
    const verifier = new TxnTokenVerifier({
      trustDomain,
      keys: () => self.keys,
      clockSkewSeconds: 0,
      requireKeyId: true,
    })
    this.#verifiers.set(host, verifier)
    return verifier
  }
}

/**
 * Members of `tctx` that are texts or lists of texts, for rules to ask for and to hand on: each is there because a rule of this
 * service let it in, and has not changed since. What the circumstances of the request were (`rctx`) decides nothing.
 */
function claimsOfContext(context: JsonObject | undefined): Readonly<Record<string, string | readonly string[]>> {
  const isText = (value: unknown): value is string => typeof value === 'string'
  const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)
  const members = Object.entries(context ?? {}).filter(
    (member): member is [string, string | readonly string[]] => isText(member[1]) || isTexts(member[1]),
  )
  return Object.fromEntries(members)
}
