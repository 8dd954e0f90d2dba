import {
  type CaRequest,
  type Clock,
  type IssuedCa,
  type TokenKey,
  type UpstreamAuthority,
  UpstreamAuthorityError,
  type UpstreamBundle,
} from '@countersign/plugin-kit'
import { buildCaCertificate, issueCaCertificate, type PublicJwk, randomSerial } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'

export interface TestCa {
  readonly key: ReturnType<typeof generateSigningKey>
  readonly certificate: Uint8Array
}

const TRUST_DOMAIN = 'example.org'
const subject = { commonName: 'Company CA' }

export function makeRoot(clock: Clock, lifetime = 1_000_000): TestCa {
  const key = generateSigningKey('ES256')
  const times = { notBefore: clock.now() - 100, notAfter: clock.now() + lifetime }
  const serial = randomSerial(crypto)
  return {
    key,
    certificate: buildCaCertificate({
      ...{ key, crypto, subject, trustDomain: TRUST_DOMAIN, serial },
      ...times,
    }) as Uint8Array,
  }
}

/** Signs a CA for the key of SubjectPublicKeyInfo bytes. */
export function signCa(issuer: TestCa, publicKeySpki: Uint8Array, clock: Clock, lifetime: number): Uint8Array {
  return issueCaCertificate({
    ...{ issuer, crypto, subject, publicKeySpki, trustDomain: TRUST_DOMAIN, serial: randomSerial(crypto) },
    ...{ notBefore: clock.now() - 10, notAfter: clock.now() + lifetime },
  }) as Uint8Array
}

/** An upstream whose every word a test chooses. What it signs, it truly signs. */
export class TestUpstream implements UpstreamAuthority {
  readonly #clock: Clock
  /** Signs; a CA below a root when `above` has more. */
  signer: TestCa
  /** Between the signer and the root, DER. */
  above: readonly Uint8Array[] = []
  roots: readonly Uint8Array[]
  taintedRoots: readonly Uint8Array[] = []
  /** Longest that it signs for. */
  maxLifetime = Number.MAX_SAFE_INTEGER
  isAway = false
  /** Each list it was told. */
  readonly published: (readonly TokenKey[])[] = []
  foreignJwt: readonly PublicJwk[] = []
  /** In place of what it would answer. */
  answerWith: ((issued: IssuedCa) => IssuedCa) | undefined
  publishTokenKeys: ((keys: readonly TokenKey[]) => Promise<void>) | undefined

  constructor(clock: Clock, sharesTrustDomain = true) {
    this.#clock = clock
    this.signer = makeRoot(clock)
    this.roots = [this.signer.certificate]
    this.publishTokenKeys = sharesTrustDomain ? (keys) => this.#publish(keys) : undefined
  }

  async issueCa({ publicKeySpki, lifetimeSeconds }: CaRequest): Promise<IssuedCa> {
    this.#requireHere()
    const lifetime = Math.min(lifetimeSeconds, this.maxLifetime)
    const certificate = signCa(this.signer, publicKeySpki, this.#clock, lifetime)
    const issued = { chain: [certificate, ...this.above], roots: this.roots }
    return this.answerWith?.(issued) ?? issued
  }

  async readBundle(): Promise<UpstreamBundle> {
    this.#requireHere()
    const ofKind = (kind: TokenKey['kind']) =>
      (this.published.at(-1) ?? []).flatMap((key) => (key.kind === kind ? [key.publicJwk] : []))
    const { roots, taintedRoots } = this
    return {
      roots,
      taintedRoots,
      jwtAuthorities: [...ofKind('jwt'), ...this.foreignJwt],
      witAuthorities: ofKind('wit'),
    }
  }

  async close(): Promise<void> {}

  async #publish(keys: readonly TokenKey[]): Promise<void> {
    this.#requireHere()
    this.published.push(keys)
  }

  #requireHere(): void {
    if (this.isAway) throw new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_UNREACHABLE', 'upstream is away')
  }
}
