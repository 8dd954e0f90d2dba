import {
  buildCaCertificate,
  encodePem,
  issueTlsCertificate,
  issueX509Svid,
  randomSerial,
  WorkloadId,
} from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeKeyPem, type TlsCredential } from '../tls/tls-credential.ts'

export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** TLS libraries judge web certificates by the machine's own clock. */
export const realNow = () => Math.floor(Date.now() / 1000)
const aroundNow = (): Validity => ({ notBefore: realNow() - 600, notAfter: realNow() + 3600 })

/** A certificate authority of one trust domain that issues whatever a test wants to show. */
export class CertificateMaker {
  /** DER. */
  readonly root: Uint8Array
  readonly #key = generateSigningKey('ES256')

  private constructor(root: Uint8Array, key: ReturnType<typeof generateSigningKey>) {
    this.root = root
    this.#key = key
  }

  static async create(trustDomain: string): Promise<CertificateMaker> {
    const key = generateSigningKey('ES256')
    const validity = { notBefore: realNow() - 86_400, notAfter: realNow() + 86_400 }
    const serial = randomSerial(crypto)
    const root = await buildCaCertificate({
      key,
      crypto,
      subject: { commonName: 'Test' },
      trustDomain,
      serial,
      ...validity,
    })
    return new CertificateMaker(root, key)
  }

  get rootPem(): string {
    return encodePem([this.root])
  }

  svid(spiffeId: string, validity = aroundNow()): Promise<TlsCredential> {
    return this.#issue((fields) => issueX509Svid({ ...fields, ...validity, subject: WorkloadId.parse(spiffeId) }))
  }

  /** For a web server, checked by name. */
  web(dnsNames: readonly string[], validity = aroundNow()): Promise<TlsCredential> {
    return this.#issue((fields) =>
      issueTlsCertificate({ ...fields, ...validity, dnsNames, ipAddresses: ['127.0.0.1'] }),
    )
  }

  async #issue(build: (fields: CommonFields) => Uint8Array | Promise<Uint8Array>): Promise<TlsCredential> {
    const key = generateSigningKey('ES256')
    const certificate = await build({
      issuer: { certificate: this.root, key: this.#key },
      publicKeySpki: await crypto.exportSpki(key.publicJwk),
      serial: randomSerial(crypto),
    })
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem([certificate]) }
  }
}

interface CommonFields {
  readonly issuer: { readonly certificate: Uint8Array; readonly key: ReturnType<typeof generateSigningKey> }
  readonly publicKeySpki: Uint8Array
  readonly serial: Uint8Array
}
