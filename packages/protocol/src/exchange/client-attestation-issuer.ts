import { type Codec, portableCodec } from '../encoding/codec.ts'
import { IssuanceError } from '../issuance/issuance-error.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import type { Eventual, SigningKey } from '../keys/crypto-backend.ts'
import { parsePublicJwk } from '../keys/public-jwk.ts'
import { JWT_TYPES } from './oauth-names.ts'

export interface ClientAttestationContent {
  /** `client_id`. */
  readonly clientId: string
  /** Public key of the instance, which proved to the attester that it holds the private one. */
  readonly instanceKey: unknown
  /** Seconds since the Unix epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Further claims, of what the attester found. None may have the name of one that is set here. */
  readonly claims?: Readonly<Record<string, unknown>>
}

const OWN_CLAIMS: ReadonlySet<string> = new Set(['sub', 'iat', 'exp', 'cnf'])

/**
 * Makes Client Attestation JWTs under one key of an attester, made once for it. What the attester must know of an instance
 * before it says so, no standard tells.
 *
 * @see draft-ietf-oauth-attestation-based-client-auth-11, section 4
 */
export class ClientAttestationIssuer {
  readonly #key: SigningKey
  readonly #codec: Codec
  readonly #header: string

  /** @throws IssuanceError `ERR_ISSUANCE_KEY_ID` without a `kid`, by which servers find attester and key */
  constructor(key: SigningKey, codec: Codec = portableCodec) {
    const { kid } = key.publicJwk
    if (kid === undefined) throw new IssuanceError('ERR_ISSUANCE_KEY_ID', 'an attestation needs a key with a kid')
    this.#key = key
    this.#codec = codec
    this.#header = encodeJwsHeader({ typ: JWT_TYPES.clientAttestation, alg: key.alg, kid })
  }

  /**
   * @returns the compact token for the `OAuth-Client-Attestation` field
   * @throws KeyError for an instance key that a server would not take, a private one above all
   * @throws IssuanceError `ERR_ISSUANCE_SUBJECT`, `ERR_ISSUANCE_LIFETIME`, `ERR_ISSUANCE_CLAIM`
   */
  issue({ clientId, instanceKey, issuedAt, expiresAt, claims = {} }: ClientAttestationContent): Eventual<string> {
    const jwk = parsePublicJwk(instanceKey)
    if (clientId === '') throw new IssuanceError('ERR_ISSUANCE_SUBJECT', 'an attestation needs a client_id')
    if (!(expiresAt > issuedAt && Number.isFinite(expiresAt))) {
      throw new IssuanceError('ERR_ISSUANCE_LIFETIME', 'lifetime must be positive')
    }
    const taken = Object.keys(claims).find((name) => OWN_CLAIMS.has(name))
    if (taken !== undefined) throw new IssuanceError('ERR_ISSUANCE_CLAIM', `claim "${taken}" cannot be set`)
    return signJws(
      this.#header,
      { sub: clientId, iat: issuedAt, exp: expiresAt, cnf: { jwk }, ...claims },
      this.#key,
      this.#codec,
    )
  }
}
