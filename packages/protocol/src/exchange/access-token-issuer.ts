import { type Codec, portableCodec } from '../encoding/codec.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { type Confirmation, formatConfirmation } from './confirmation.ts'
import { formatIssued, type IssuedContent, requireIssuable } from './issued-claims.ts'
import { JWT_TYPES } from './oauth-names.ts'

export interface AccessTokenContent extends IssuedContent {
  /** At least one; resource servers look for their own name in it. */
  readonly audience: readonly string[]
  readonly clientId: string
  readonly confirmation?: Confirmation | undefined
}

/** Issues JWT access tokens under one key, made once for it. @see RFC 9068 section 2 */
export class AccessTokenIssuer {
  readonly #key: SigningKey
  readonly #issuer: string
  readonly #header: string
  readonly #codec: Codec

  /** @throws IssuanceError `ERR_ISSUANCE_KEY_ID` without a `kid`, by which resource servers find the key */
  constructor(key: SigningKey, issuer: string, codec: Codec = portableCodec) {
    const kid = key.publicJwk.kid
    if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'an access token needs a key with a kid')
    this.#key = key
    this.#issuer = issuer
    this.#codec = codec
    this.#header = encodeJwsHeader({ alg: key.alg, typ: JWT_TYPES.accessToken, kid })
  }

  /**
   * @returns the compact token
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT`, `ERR_ISSUANCE_AUDIENCE`, `ERR_ISSUANCE_LIFETIME`, `ERR_ISSUANCE_CLAIM`
   */
  issue(content: AccessTokenContent): Eventual<string> {
    const { subject, audience, clientId, confirmation } = content
    if (subject === '' || clientId === '') {
      throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'an access token needs a subject and a client')
    }
    if (audience.length === 0 || audience.includes('')) {
      throw new IssuanceError('ERR_ISSUANCE_AUDIENCE', 'at least one audience is needed, and none may be empty')
    }
    requireIssuable(content)
    const [only, second] = audience
    const recipients = { aud: second === undefined ? only : audience, client_id: clientId }
    const binding = confirmation === undefined ? {} : { cnf: formatConfirmation(confirmation) }
    const all = formatIssued(this.#issuer, content, recipients, binding)
    return signJws(this.#header, all, this.#key, this.#codec)
  }
}
