import {
  type Eventual,
  JwtSvidIssuer,
  type SignatureAlgorithm,
  type TrustMaterial,
  TrustStore,
  WitIssuer,
  type WitProfile,
  WorkloadId,
  WptBuilder,
  type WptContent,
} from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'

export interface FakeIssuerOptions {
  /** Default `spiffe://example.org`. */
  readonly origin?: string
  /** Algorithm of the WIT key, and of the JWT-SVID key unless it is EdDSA. Default ES256. */
  readonly alg?: SignatureAlgorithm
  /** Default `wimse`. */
  readonly profile?: WitProfile
  /** Keys to use instead of new ones. Each needs a `kid`. */
  readonly witKey?: NodeSigningKey
  readonly jwtKey?: NodeSigningKey
  /** Values of `iss` its tokens may carry. */
  readonly issuers?: readonly string[]
}

/** A whole trust domain in a value: keys for each use, a trust store that believes them, and workloads. */
export class FakeIssuer {
  readonly origin: string
  readonly witKey: NodeSigningKey
  readonly jwtKey: NodeSigningKey
  /** Trusts this issuer for its own origin and nothing else. */
  readonly trust: TrustStore
  readonly #profile: WitProfile
  readonly #issuers: readonly string[]

  constructor(options: FakeIssuerOptions = {}) {
    const alg = options.alg ?? 'ES256'
    this.origin = options.origin ?? 'spiffe://example.org'
    this.witKey = options.witKey ?? generateSigningKey(alg, { kid: 'wit-1' })
    this.jwtKey = options.jwtKey ?? generateSigningKey(alg === 'EdDSA' ? 'ES256' : alg, { kid: 'jwt-1' })
    this.#profile = options.profile ?? 'wimse'
    this.#issuers = options.issuers ?? []
    this.trust = new TrustStore(nodeCrypto)
    this.trust.set(this.origin, this.material())
  }

  /** What a trust store must hold to believe this issuer. */
  material(): TrustMaterial {
    return { witKeys: [this.witKey.publicJwk], jwtKeys: [this.jwtKey.publicJwk], issuers: this.#issuers }
  }

  /** A workload of this trust domain with a key of its own. `path` begins with "/". */
  workload(
    path: string,
    options: { readonly alg?: SignatureAlgorithm; readonly key?: NodeSigningKey } = {},
  ): FakeWorkload {
    return new FakeWorkload(
      WorkloadId.parse(this.origin + path),
      options.key ?? generateSigningKey(options.alg ?? 'ES256'),
      new WitIssuer(this.witKey, this.#profile),
      this.#issuers[0],
    )
  }

  /** A JWT-SVID for a workload of this trust domain. */
  jwtSvid(path: string, audience: readonly string[], now: number, ttlSeconds = 300): string {
    const subject = WorkloadId.parse(this.origin + path)
    return atOnce(new JwtSvidIssuer(this.jwtKey).issue({ subject, audience, now, ttlSeconds }))
  }
}

/** A workload with its key, as {@link FakeIssuer.workload} makes it. */
export class FakeWorkload {
  readonly id: WorkloadId
  readonly key: NodeSigningKey
  readonly #issuer: WitIssuer
  readonly #issuerName: string | undefined

  constructor(id: WorkloadId, key: NodeSigningKey, issuer: WitIssuer, issuerName?: string) {
    this.id = id
    this.key = key
    this.#issuer = issuer
    this.#issuerName = issuerName
  }

  /** A Workload Identity Token that confirms this workload's key. */
  wit(now: number, ttlSeconds = 3600): string {
    return atOnce(
      this.#issuer.issue({
        subject: this.id,
        confirmationKey: this.key.publicJwk,
        now,
        ttlSeconds,
        ...(this.#issuerName === undefined ? {} : { issuer: this.#issuerName }),
      }),
    )
  }

  /** A Workload Proof Token by this workload's key, for a request that carries `wit`. */
  proof(wit: string, content: WptContent): string {
    return atOnce(new WptBuilder(wit, this.key, nodeCrypto).build(content))
  }
}

/** The node backend answers at once, which its general type does not say. */
function atOnce(value: Eventual<string>): string {
  if (value instanceof Promise)
    throw new TypeError('the key answers with a promise; a fake issuer needs a synchronous one')
  return value
}
