import { X509Certificate } from 'node:crypto'
import type { TrustDomainBundle, X509Credential } from '@countersign/api'
import {
  buildCaCertificate,
  buildCrl,
  encodeBase64,
  formatSpiffeBundle,
  issueX509Svid,
  JwtSvidIssuer,
  type PublicJwk,
  parsePublicJwk,
  randomSerial,
  WitIssuer,
  WorkloadId,
} from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'

/** A trust domain with one authority of each kind, issuing for real. */
export class TestAuthority {
  readonly trustDomain: string
  readonly caKey: NodeSigningKey
  readonly jwtKey: NodeSigningKey
  readonly witKey: NodeSigningKey
  readonly certificate: Uint8Array
  readonly #now: () => number
  #sequence = 1

  private constructor(
    trustDomain: string,
    now: () => number,
    certificate: Uint8Array,
    caKey: NodeSigningKey,
    name: string,
  ) {
    this.trustDomain = trustDomain
    this.caKey = caKey
    this.certificate = certificate
    this.jwtKey = generateSigningKey('ES256', { kid: `jwt-${name}` })
    this.witKey = generateSigningKey('ES256', { kid: `wit-${name}` })
    this.#now = now
  }

  static async create(trustDomain: string, now: () => number, name = '1'): Promise<TestAuthority> {
    const key = generateSigningKey('ES256')
    const certificate = await buildCaCertificate({
      key,
      crypto: nodeCrypto,
      subject: { commonName: trustDomain },
      trustDomain,
      notBefore: now() - 3600,
      notAfter: now() + 10 * 86_400,
      serial: randomSerial(nodeCrypto),
    })
    return new TestAuthority(trustDomain, now, certificate, key, name)
  }

  /** Base64 DER. @param serials of certificates that are revoked */
  crl(number: number, ...serials: readonly Uint8Array[]): string {
    const now = this.#now()
    const crl = buildCrl({
      issuer: { certificate: this.certificate, key: this.caKey },
      revoked: serials.map((serial) => ({ serial, revokedAt: now })),
      ...{ thisUpdate: now, nextUpdate: now + 86_400, number },
    })
    return encodeBase64(crl as Uint8Array)
  }

  bundle: () => TrustDomainBundle = () => {
    const document = formatSpiffeBundle(
      {
        trustDomain: this.trustDomain,
        x509Authorities: [this.certificate],
        jwtAuthorities: [this.jwtKey.publicJwk],
        witAuthorities: [this.witKey.publicJwk],
        sequence: this.#sequence,
      },
      (certificate) => parsePublicJwk(new X509Certificate(certificate).publicKey.export({ format: 'jwk' })),
    )
    return { trustDomain: this.trustDomain, bundle: { ...document, keys: document.keys.map((key) => ({ ...key })) } }
  }

  async x509(spiffeId: string, publicKey: unknown, ttlSeconds: number): Promise<X509Credential> {
    const certificate = await issueX509Svid({
      issuer: { certificate: this.certificate, key: this.caKey },
      publicKeySpki: nodeCrypto.exportSpki(parsePublicJwk(publicKey)),
      subject: WorkloadId.parse(spiffeId),
      notBefore: this.#now() - 60,
      notAfter: this.#now() + ttlSeconds,
      serial: randomSerial(nodeCrypto),
    })
    return { spiffeId, chain: [encodeBase64(certificate)], expiresAt: this.#now() + ttlSeconds }
  }

  async jwt(spiffeId: string, audience: readonly string[], ttlSeconds: number) {
    const subject = WorkloadId.parse(spiffeId)
    const token = await new JwtSvidIssuer(this.jwtKey).issue({ subject, audience, now: this.#now(), ttlSeconds })
    return { spiffeId, token, issuedAt: this.#now(), expiresAt: this.#now() + ttlSeconds }
  }

  async wit(spiffeId: string, publicKey: unknown, ttlSeconds: number) {
    const confirmationKey = parsePublicJwk(publicKey) as PublicJwk
    const content = { subject: WorkloadId.parse(spiffeId), confirmationKey, now: this.#now(), ttlSeconds }
    const token = await new WitIssuer(this.witKey, 'wit-svid').issue(content)
    return { spiffeId, token, issuedAt: this.#now(), expiresAt: this.#now() + ttlSeconds }
  }
}
