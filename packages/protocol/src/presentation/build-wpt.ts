import { portableCodec } from '../encoding/codec.ts'
import { encodeJwsHeader, signJws } from '../jws/sign-jws.ts'
import { type CryptoBackend, type Eventual, isLater, type SigningKey, whenReady } from '../keys/crypto-backend.ts'
import type { TokenAlgorithm } from '../keys/ml-dsa.ts'

/** Seconds a proof lives where the caller says nothing: one request's time, with room for skew. */
const DEFAULT_TTL_SECONDS = 60

/** `jti`: more than the 128 random bits the draft asks for would only make requests longer. */
const ID_BYTES = 16

/** Tokens of the same request that the proof binds, by their text. */
export interface BoundTokens {
  /** OAuth access token, without its scheme: `ath`. */
  readonly accessToken?: string
  /** Transaction token: `tth`. */
  readonly txnToken?: string
  /** Lower-case field name to field value: `oth`. */
  readonly otherTokens?: Readonly<Record<string, string>>
}

export interface WptContent extends BoundTokens {
  /** Normally the target URI without query and fragment. */
  readonly audience: string
  /** Seconds since the Unix epoch. */
  readonly now: number
  readonly ttlSeconds?: number
}

/**
 * Builds Workload Proof Tokens for one WIT. Made once per WIT, so that header and `wth` are computed once.
 *
 * @see draft-ietf-wimse-wpt, "Workload Proof Token"
 */
export class WptBuilder {
  readonly #key: SigningKey<TokenAlgorithm>
  readonly #crypto: CryptoBackend
  readonly #header: string
  readonly #witHash: Eventual<string>

  /**
   * @param wit the compact WIT that goes with every proof
   * @param key the private half of its `cnf.jwk`
   */
  constructor(wit: string, key: SigningKey<TokenAlgorithm>, crypto: CryptoBackend) {
    this.#key = key
    this.#crypto = crypto
    this.#header = encodeJwsHeader({ alg: key.alg, typ: 'wpt+jwt' })
    this.#witHash = crypto.sha256Base64url(wit)
  }

  /** @returns the compact token for the `Workload-Proof-Token` field of exactly one request */
  build(content: WptContent): Eventual<string> {
    const { audience, now, ttlSeconds = DEFAULT_TTL_SECONDS } = content
    return whenReady(this.#witHash, (wth) =>
      whenReady(this.#hashTokens(content), (hashes) =>
        signJws(
          this.#header,
          {
            aud: audience,
            exp: now + ttlSeconds,
            jti: (this.#crypto.codec ?? portableCodec).encodeBase64url(this.#crypto.randomBytes(ID_BYTES)),
            wth,
            ...hashes,
          },
          this.#key,
          this.#crypto.codec,
        ),
      ),
    )
  }

  #hashTokens({ accessToken, txnToken, otherTokens }: BoundTokens): Eventual<object> | undefined {
    if (accessToken === undefined && txnToken === undefined && otherTokens === undefined) return undefined
    const others = Object.entries(otherTokens ?? {})
    const hash = (text: string) => this.#crypto.sha256Base64url(text)
    const texts = [accessToken, txnToken, ...others.map(([, value]) => trimSpaces(value))]
    return whenAllReady(
      texts.map((text) => (text === undefined ? undefined : hash(text))),
      ([ath, tth, ...rest]) => ({
        ...(ath === undefined ? {} : { ath }),
        ...(tth === undefined ? {} : { tth }),
        ...(others.length === 0
          ? {}
          : { oth: Object.fromEntries(others.map(([name], index) => [name.toLowerCase(), rest[index]])) }),
      }),
    )
  }
}

/** What the draft removes from a field value before hashing: spaces, and no other character. */
export function trimSpaces(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && value.charCodeAt(start) === 0x20) start++
  while (end > start && value.charCodeAt(end - 1) === 0x20) end--
  return value.slice(start, end)
}

function whenAllReady<T, U>(values: readonly Eventual<T>[], next: (values: readonly T[]) => U): Eventual<U> {
  return values.some((value) => isLater(value)) ? Promise.all(values).then(next) : next(values as readonly T[])
}
