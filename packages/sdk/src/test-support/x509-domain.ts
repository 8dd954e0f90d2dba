import { webcrypto } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import {
  buildCaCertificate,
  buildCrl,
  issueX509Svid,
  parseCertificate,
  randomSerial,
  type SignatureAlgorithm,
  WorkloadId,
  type X509IssuerSource,
} from '@countersign/protocol'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { type X509SVID, type X509SVIDResponse, X509SVIDResponseSchema, X509SVIDSchema } from '@countersign/workload-api'
// Before the library that needs it.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])

const HOUR = 3600

export interface LeafOptions {
  readonly dnsNames?: readonly string[]
  /** Epoch seconds. */
  readonly notBefore?: number
  readonly notAfter?: number
  readonly hint?: string
  readonly alg?: SignatureAlgorithm
  readonly key?: NodeSigningKey
}

/** What a leaf that no correct authority would issue looks like. */
export interface OddLeaf {
  readonly uris: readonly string[]
  readonly isCa?: boolean
  readonly extKeyUsage?: readonly ('serverAuth' | 'clientAuth')[]
  readonly dnsNames?: readonly string[]
}

/** A trust domain with an X.509 authority, whose certificates hold by the machine's clock too: OpenSSL goes by that. */
export class X509Domain {
  readonly name: string
  readonly #now: number
  #crlNumber = 0
  #issuer: X509IssuerSource
  #next: X509IssuerSource | undefined
  #roots: readonly Uint8Array[]

  constructor(name: string, now: number) {
    this.name = name
    this.#now = now
    this.#issuer = createAuthority(name, now)
    this.#roots = [this.#issuer.certificate]
  }

  get origin(): string {
    return `spiffe://${this.name}`
  }

  get roots(): readonly Uint8Array[] {
    return this.#roots
  }

  /** Roots one after the other. */
  get bundle(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#roots))
  }

  id(path: string): WorkloadId {
    return WorkloadId.parse(this.origin + path)
  }

  /** A new authority, trusted beside the one before it. */
  prepareAuthority(): void {
    this.#next = createAuthority(this.name, this.#now)
    this.#roots = [...this.#roots, this.#next.certificate]
  }

  /** From now on the prepared authority issues. */
  activateAuthority(): void {
    this.#issuer = this.#next ?? this.#issuer
  }

  /** The authorities before the one that issues are trusted no more. */
  retireAuthorities(): void {
    this.#roots = [this.#issuer.certificate]
  }

  /** What the authority that issues has revoked, DER. */
  crl(...revoked: readonly X509SVID[]): Uint8Array {
    return buildCrl({
      issuer: this.#issuer,
      revoked: revoked.map(({ x509Svid }) => ({ serial: parseCertificate(x509Svid).serial, revokedAt: this.#now })),
      ...{ thisUpdate: this.#now, nextUpdate: this.#now + HOUR, number: ++this.#crlNumber },
    }) as Uint8Array
  }

  svid(path: string, options: LeafOptions = {}): X509SVID {
    return this.#issue(this.#issuer, path, options)
  }

  /** With an authority between root and leaf, which the peer has to send. */
  async svidBelow(path: string, options: LeafOptions = {}): Promise<X509SVID> {
    const key = generateSigningKey('ES256')
    const middle = await this.#certify(key, 'CN=middle', [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ])
    const svid = this.#issue({ certificate: middle, key }, path, options)
    return { ...svid, x509Svid: new Uint8Array(Buffer.concat([svid.x509Svid, middle])) }
  }

  /** Signed by this domain's authority, whatever it says. The message claims the first URI. */
  async oddSvid(leaf: OddLeaf): Promise<X509SVID> {
    const key = generateSigningKey('ES256')
    const { isCa = false, extKeyUsage = ['serverAuth', 'clientAuth'], dnsNames = [] } = leaf
    const usage = isCa ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature
    const extensions = [
      new x509.BasicConstraintsExtension(isCa, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      new x509.ExtendedKeyUsageExtension(extKeyUsage.map((name) => x509.ExtendedKeyUsage[name])),
      new x509.SubjectAlternativeNameExtension([
        ...leaf.uris.map((value) => ({ type: 'url', value }) as const),
        ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
      ]),
    ]
    const certificate = await this.#certify(key, 'CN=odd', extensions)
    return this.#message(leaf.uris[0] ?? '', certificate, key, '')
  }

  #issue(issuer: X509IssuerSource, path: string, options: LeafOptions): X509SVID {
    const key = options.key ?? generateSigningKey(options.alg ?? 'ES256')
    const certificate = issueX509Svid({
      issuer,
      publicKeySpki: nodeCrypto.exportSpki(key.publicJwk),
      subject: this.id(path),
      notBefore: options.notBefore ?? this.#now - HOUR,
      notAfter: options.notAfter ?? this.#now + HOUR,
      serial: randomSerial(nodeCrypto),
      dnsNames: options.dnsNames ?? [],
    }) as Uint8Array
    return this.#message(this.origin + path, certificate, key, options.hint ?? '')
  }

  async #certify(key: NodeSigningKey, subject: string, extensions: x509.Extension[]): Promise<Uint8Array> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: Buffer.from(randomSerial(nodeCrypto)).toString('hex'),
      issuer: new x509.X509Certificate(this.#issuer.certificate as Uint8Array<ArrayBuffer>).subjectName,
      subject,
      notBefore: new Date((this.#now - HOUR) * 1000),
      notAfter: new Date((this.#now + HOUR) * 1000),
      publicKey: await importKey('spki', nodeCrypto.exportSpki(key.publicJwk), 'verify'),
      signingKey: await importKey('pkcs8', (this.#issuer.key as NodeSigningKey).exportPkcs8(), 'sign'),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions,
    })
    return new Uint8Array(certificate.rawData)
  }

  #message(spiffeId: string, certificate: Uint8Array, key: NodeSigningKey, hint: string): X509SVID {
    return create(X509SVIDSchema, {
      spiffeId,
      x509Svid: certificate as Uint8Array<ArrayBuffer>,
      x509SvidKey: key.exportPkcs8() as Uint8Array<ArrayBuffer>,
      bundle: this.bundle as Uint8Array<ArrayBuffer>,
      hint,
    })
  }
}

/** A message of the Workload API. */
export function x509Response(
  svids: readonly X509SVID[],
  federated: readonly X509Domain[] = [],
  crls: readonly Uint8Array[] = [],
): X509SVIDResponse {
  return create(X509SVIDResponseSchema, {
    svids: [...svids],
    crl: crls as Uint8Array<ArrayBuffer>[],
    federatedBundles: Object.fromEntries(
      federated.map(({ origin, bundle }) => [origin, bundle as Uint8Array<ArrayBuffer>]),
    ),
  })
}

function createAuthority(trustDomain: string, now: number): X509IssuerSource {
  const key = generateSigningKey('ES256')
  const certificate = buildCaCertificate({
    key,
    crypto: nodeCrypto,
    subject: { commonName: 'authority' },
    trustDomain,
    notBefore: now - HOUR,
    notAfter: now + 24 * HOUR,
    serial: randomSerial(nodeCrypto),
  }) as Uint8Array
  return { certificate, key }
}

function importKey(format: 'spki' | 'pkcs8', bytes: Uint8Array, usage: 'sign' | 'verify') {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return webcrypto.subtle.importKey(format, Buffer.from(bytes), algorithm, true, [usage])
}
