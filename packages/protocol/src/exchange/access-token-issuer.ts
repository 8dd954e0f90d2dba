import { type Codec, portableCodec } from '../encoding/codec.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { type Actor, formatActor } from './actor-chain.ts'
import { type Confirmation, formatConfirmation } from './confirmation.ts'
import { JWT_TYPES } from './oauth-names.ts'

export interface AccessTokenContent {
  readonly subject: string
  /** At least one; resource servers look for their own name in it. */
  readonly audience: readonly string[]
  readonly clientId: string
  readonly scopes: readonly string[]
  /** Seconds since the Unix epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** `jti`. */
  readonly id: string
  readonly confirmation?: Confirmation | undefined
  readonly actor?: Actor | undefined
  /** Further claims. None may have the name of one that is set here. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const OWN_CLAIMS = new Set([
  ...[
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'cnf',
    'requested_cnf',
    'act',
    'may_act',
    'azp',
    'txn',
    'tctx',
    'rctx',
    'req_wl',
  ],
])

/** Whether a claim means something already, so that nothing else may be put under its name. */
export function isOwnClaim(name: string): boolean {
  return OWN_CLAIMS.has(name)
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
    const { subject, audience, scopes, issuedAt, expiresAt, confirmation, actor, claims = {} } = content
    if (subject === '' || content.clientId === '') {
      throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'an access token needs a subject and a client')
    }
    if (audience.length === 0 || audience.includes('')) {
      throw new IssuanceError('ERR_ISSUANCE_AUDIENCE', 'at least one audience is needed, and none may be empty')
    }
    if (!(expiresAt > issuedAt && Number.isFinite(expiresAt))) {
      throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive')
    }
    for (const name of Object.keys(claims)) {
      if (isOwnClaim(name)) throw new IssuanceError('ERR_ISSUANCE_CLAIM', `claim "${name}" cannot be set`)
    }
    const [only, second] = audience
    const all = {
      iss: this.#issuer,
      sub: subject,
      aud: second === undefined ? only : audience,
      client_id: content.clientId,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      iat: issuedAt,
      exp: expiresAt,
      jti: content.id,
      ...(confirmation === undefined ? {} : { cnf: formatConfirmation(confirmation) }),
      ...(actor === undefined ? {} : { act: formatActor(actor) }),
      ...claims,
    }
    return signJws(this.#header, all, this.#key, this.#codec)
  }
}
