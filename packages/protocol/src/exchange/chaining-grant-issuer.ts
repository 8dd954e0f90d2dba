import { type Codec, portableCodec } from '../encoding/codec.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { type Confirmation, formatConfirmation } from './confirmation.ts'
import { formatIssued, type IssuedContent, requireIssuable } from './issued-claims.ts'
import { JWT_TYPES } from './oauth-names.ts'

export interface ChainingGrantContent extends IssuedContent {
  /** Issuer identifier of the one authorization server that may accept it. */
  readonly audience: string
  /**
   * `requested_cnf`: the key that the other domain's token is to be bound to. Its possession was proved to the issuer. Given
   * out as a thumbprint, which is what that token will say: any server that can bind a token knows this form.
   */
  readonly requestedConfirmation?: Confirmation | undefined
}

/**
 * Issues JWT authorization grants for another trust domain under one key, made once for it. They say `authorization-grant+jwt`,
 * so that nobody takes one for an access token.
 *
 * @see draft-ietf-oauth-identity-chaining, "JWT Authorization Grant"; draft-ietf-oauth-rfc7523bis (`typ`)
 */
export class ChainingGrantIssuer {
  readonly #key: SigningKey
  readonly #issuer: string
  readonly #header: string
  readonly #codec: Codec

  /** @throws IssuanceError `ERR_ISSUANCE_KEY_ID` without a `kid`, by which the other domain finds the key */
  constructor(key: SigningKey, issuer: string, codec: Codec = portableCodec) {
    const kid = key.publicJwk.kid
    if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'a grant needs a key with a kid')
    this.#key = key
    this.#issuer = issuer
    this.#codec = codec
    this.#header = encodeJwsHeader({ alg: key.alg, typ: JWT_TYPES.authorizationGrant, kid })
  }

  /**
   * @returns the compact token
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT`, `ERR_ISSUANCE_AUDIENCE`, `ERR_ISSUANCE_LIFETIME`, `ERR_ISSUANCE_CLAIM`
   */
  issue(content: ChainingGrantContent): Eventual<string> {
    const { subject, audience, requestedConfirmation: requested } = content
    if (subject === '') throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'a grant needs a subject')
    // A grant for its own issuer would turn in a circle.
    if (audience === '' || audience === this.#issuer) {
      throw new IssuanceError('ERR_ISSUANCE_AUDIENCE', 'a grant is for another authorization server')
    }
    requireIssuable(content)
    const binding = requested === undefined ? {} : { requested_cnf: formatConfirmation(requested) }
    const all = formatIssued(this.#issuer, content, { aud: audience }, binding)
    return signJws(this.#header, all, this.#key, this.#codec)
  }
}
