import { portableCodec } from '../encoding/codec.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { CryptoBackend, Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { JWT_TYPES } from './oauth-names.ts'

const ID_BYTES = 16

export interface ClientAttestationPopContent {
  /** Issuer identifier of the authorization server, or resource identifier of the resource server. */
  readonly audience: string
  /** Seconds since the Unix epoch. */
  readonly now: number
  /** As the server last gave it, by its challenge endpoint or in `OAuth-Client-Attestation-Challenge`. */
  readonly challenge?: string
}

/**
 * Builds Client Attestation PoP JWTs by the key that an attestation confirms, made once for it.
 *
 * @see draft-ietf-oauth-attestation-based-client-auth-11, section 5.1
 */
export class ClientAttestationPopBuilder {
  readonly #key: SigningKey
  readonly #crypto: CryptoBackend
  readonly #header: string

  constructor(key: SigningKey, crypto: CryptoBackend) {
    this.#key = key
    this.#crypto = crypto
    this.#header = encodeJwsHeader({ typ: JWT_TYPES.clientAttestationPop, alg: key.alg })
  }

  /** @returns the compact token for the `OAuth-Client-Attestation-PoP` field of exactly one request */
  build({ audience, now, challenge }: ClientAttestationPopContent): Eventual<string> {
    const codec = this.#crypto.codec ?? portableCodec
    return signJws(
      this.#header,
      {
        aud: audience,
        jti: codec.encodeBase64url(this.#crypto.randomBytes(ID_BYTES)),
        iat: now,
        ...(challenge === undefined ? {} : { challenge }),
      },
      this.#key,
      this.#crypto.codec,
    )
  }
}
