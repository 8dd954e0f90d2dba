import {
  buildCaCertificate,
  CredentialError,
  encodeBase64url,
  encodePem,
  InProcessReplayMemory,
  issueX509Svid,
  JwtSvidIssuer,
  randomSerial,
  TrustedKeys,
  TrustStore,
  WitIssuer,
  WorkloadId,
} from '@countersign/protocol'
import type { TrustedIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { IssuedSvid, IssuerSettings, TokenProfileHost, TokenSigner } from '../plugin/token-profile.ts'

export interface TestTokenProfileHostOptions {
  /** Seconds since the epoch. */
  readonly now: number
  /** Configured issuers, with what differs from the strictest settings. */
  readonly issuers?: readonly (Pick<TrustedIssuer, 'name' | 'url'> & {
    readonly key: NodeSigningKey
    readonly settings?: Partial<IssuerSettings>
  })[]
}

const STRICT: IssuerSettings = {
  allowsTokenEndpointAudience: false,
  allowsReuse: false,
  subjectPrefix: '',
  requiredClaims: {},
  mappedClaims: {},
  maxLifetimeSeconds: undefined,
}

/** Longest that anything here lives. */
const KEY_LIFETIME = 7200

/**
 * A token service for tests of token profiles: real keys and signatures, with everything else in memory. SVIDs come from
 * `spiffe://example.org`.
 */
export class TestTokenProfileHost implements TokenProfileHost {
  readonly issuer = 'https://as.example.org'
  readonly tokenEndpoint = 'https://as.example.org/oauth2/token'
  readonly trustDomain = 'example.org'
  readonly crypto = nodeCrypto
  readonly trust = new TrustStore(nodeCrypto)
  readonly usedTokens = new InProcessReplayMemory()
  readonly oauthKey = generateSigningKey('ES256', { kid: 'oauth-1' })
  readonly witKey = generateSigningKey('ES256', { kid: 'wit-1' })
  readonly caKey = generateSigningKey('ES256')
  readonly jwtKey = generateSigningKey('ES256', { kid: 'jwt-1' })
  readonly self: TrustedIssuer = {
    name: 'self',
    url: this.issuer,
    keys: new TrustedKeys([this.oauthKey.publicJwk], nodeCrypto),
  }
  readonly signer: TokenSigner
  readonly #issuers: readonly (TrustedIssuer & IssuerSettings)[]

  constructor({ now, issuers = [] }: TestTokenProfileHostOptions) {
    this.#issuers = issuers.map(({ key, settings, ...issuer }) => ({
      ...STRICT,
      ...settings,
      ...issuer,
      keys: new TrustedKeys([key.publicJwk], nodeCrypto),
    }))
    this.trust.set('spiffe://example.org', { witKeys: [this.witKey.publicJwk], jwtKeys: [this.jwtKey.publicJwk] })
    this.signer = this.#createSigner(now)
  }

  /** Ids of tokens to call revoked. */
  readonly revoked = new Set<string>()

  async isRevoked(tokenId: string): Promise<boolean> {
    return this.revoked.has(tokenId)
  }

  findIssuer(_profile: string, iss: string): TrustedIssuer & IssuerSettings {
    const found = this.#issuers.find(({ url }) => url === iss)
    if (found !== undefined) return found
    throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'issuer of credential is not trusted here')
  }

  #createRoot(now: number) {
    return buildCaCertificate({
      key: this.caKey,
      crypto: nodeCrypto,
      subject: { commonName: 'Test' },
      trustDomain: this.trustDomain,
      serial: randomSerial(nodeCrypto),
      notBefore: now - 10,
      notAfter: now + KEY_LIFETIME,
    })
  }

  #createSigner(now: number): TokenSigner {
    const newId = () => encodeBase64url(nodeCrypto.randomBytes(16))
    const notAfter = now + KEY_LIFETIME
    const issue = async (
      expiresAt: number,
      sign: (common: { now: number; ttlSeconds: number; id: string }) => string | Promise<string>,
    ): Promise<IssuedSvid> => {
      const end = Math.min(expiresAt, notAfter)
      const id = newId()
      return { token: await sign({ now, ttlSeconds: end - now, id }), expiresAt: end, id }
    }
    return {
      newId,
      oauthKey: async () => ({ key: this.oauthKey, notAfter }),
      issueJwtSvid: ({ spiffeId, audience, expiresAt }) =>
        issue(expiresAt, (common) =>
          new JwtSvidIssuer(this.jwtKey).issue({ ...common, subject: WorkloadId.parse(spiffeId), audience }),
        ),
      issueWit: ({ spiffeId, publicKey, expiresAt }) =>
        issue(expiresAt, (common) =>
          new WitIssuer(this.witKey, 'wit-svid').issue({
            ...common,
            subject: WorkloadId.parse(spiffeId),
            confirmationKey: publicKey,
          }),
        ),
      issueX509Svid: ({ spiffeId, publicKey, expiresAt }) =>
        issue(expiresAt, async () => {
          const notAfter = Math.min(expiresAt, now + KEY_LIFETIME)
          const leaf = await issueX509Svid({
            issuer: { certificate: await this.#createRoot(now), key: this.caKey },
            publicKeySpki: nodeCrypto.exportSpki(publicKey),
            subject: WorkloadId.parse(spiffeId),
            serial: randomSerial(nodeCrypto),
            notBefore: now - 10,
            notAfter,
          })
          return encodePem([leaf])
        }),
    }
  }
}
