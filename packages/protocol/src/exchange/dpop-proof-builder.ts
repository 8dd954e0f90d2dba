import { portableCodec } from '../encoding/codec.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import { type CryptoBackend, type Eventual, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import { parsePublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { JWT_TYPES } from './oauth-names.ts'

const ID_BYTES = 16

export interface DpopProofContent {
  /** HTTP method of the request. */
  readonly method: string
  /** Of the request; query and fragment are left out. */
  readonly url: string
  /** Seconds since the Unix epoch. */
  readonly now: number
  /** As the server last gave it in `DPoP-Nonce`. */
  readonly nonce?: string
  /** The access token that goes with the request. */
  readonly accessToken?: string
}

/** Builds DPoP proofs by one key, made once for it. @see RFC 9449 section 4.2 */
export class DpopProofBuilder {
  /** `jkt` of what is bound to the key. */
  readonly thumbprint: Eventual<string>
  readonly #key: SigningKey
  readonly #crypto: CryptoBackend
  readonly #header: string

  /** @throws KeyError when the key's public half is not one that a verifier would take */
  constructor(key: SigningKey, crypto: CryptoBackend) {
    const { kid: _, use: __, alg: ___, ...jwk } = parsePublicJwk(key.publicJwk)
    this.#key = key
    this.#crypto = crypto
    this.#header = encodeJwsHeader({ alg: key.alg, typ: JWT_TYPES.dpopProof, jwk })
    this.thumbprint = jwkThumbprint(jwk, crypto)
  }

  /** @returns the compact token for the `DPoP` field of exactly one request */
  build(content: DpopProofContent): Eventual<string> {
    const { method, url, now, nonce, accessToken } = content
    const ath = accessToken === undefined ? undefined : this.#crypto.sha256Base64url(accessToken)
    return whenReady(ath, (hash) =>
      signJws(
        this.#header,
        {
          jti: (this.#crypto.codec ?? portableCodec).encodeBase64url(this.#crypto.randomBytes(ID_BYTES)),
          htm: method,
          htu: url.replace(/[?#].*$/s, ''),
          iat: now,
          ...(hash === undefined ? {} : { ath: hash }),
          ...(nonce === undefined ? {} : { nonce }),
        },
        this.#key,
        this.#crypto.codec,
      ),
    )
  }
}
