import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '@countersign/plugin-kit'
import {
  buildCaCertificate,
  type CryptoBackend,
  decodePem,
  encodePem,
  errorCode,
  issueTlsCertificate,
  parseCertificate,
  randomSerial,
  X509Issuer,
} from '@countersign/protocol'
import { generateSigningKey, importSigningKey } from '@countersign/protocol/keys-node'
import { BACKDATE_SECONDS } from '../issuance/backdate.ts'
import { encodeKeyPem, type TlsCredential, type TlsCredentialSource } from './tls-credential.ts'
import { writePrivateFile } from './write-private-file.ts'

const DAY = 86_400
const ROOT_SECONDS = 3650 * DAY
const LEAF_SECONDS = 30 * DAY

export interface OwnWebRootOptions {
  readonly dataDir: string
  readonly trustDomain: string
  /** Names and addresses by which the listener is reached, beside `localhost`. */
  readonly hosts: readonly string[]
  readonly clock: Clock
  readonly crypto: CryptoBackend
}

/**
 * Certificates for the public listener from a root of this server's own, for installations without a Web PKI. Whoever
 * fetches the bundle gets the root from `<dataDir>/public-root.pem`. It is not part of the trust domain's bundle.
 */
export class OwnWebRoot implements TlsCredentialSource {
  readonly #options: OwnWebRootOptions
  #renewAt = 0

  constructor(options: OwnWebRootOptions) {
    this.#options = options
  }

  async load(): Promise<TlsCredential> {
    const { clock, crypto, hosts } = this.#options
    const now = clock.now()
    const issuer = (await this.#readRoot(now)) ?? (await this.#createRoot(now))
    const key = generateSigningKey('ES256')
    const names = new Set(['localhost', '127.0.0.1', '::1', ...hosts])
    const leaf = await issueTlsCertificate({
      issuer,
      publicKeySpki: await crypto.exportSpki(key.publicJwk),
      dnsNames: [...names].filter((name) => isIP(name) === 0),
      ipAddresses: [...names].filter((name) => isIP(name) !== 0),
      notBefore: now - BACKDATE_SECONDS,
      notAfter: now + LEAF_SECONDS,
      serial: randomSerial(crypto),
    })
    this.#renewAt = now + LEAF_SECONDS / 2
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem([leaf]) }
  }

  async renewIfDue(): Promise<TlsCredential | undefined> {
    return this.#options.clock.now() >= this.#renewAt ? this.load() : undefined
  }

  get #certificateFile(): string {
    return join(this.#options.dataDir, 'public-root.pem')
  }

  get #keyFile(): string {
    return join(this.#options.dataDir, 'public-root-key.pem')
  }

  /** @returns `undefined` when there is none, it is about to expire, or a crash left only one of its files */
  async #readRoot(now: number): Promise<X509Issuer | undefined> {
    try {
      const [pem, keyPem] = await Promise.all([
        readFile(this.#certificateFile, 'utf8'),
        readFile(this.#keyFile, 'utf8'),
      ])
      const [certificate] = decodePem(pem)
      if (certificate === undefined || parseCertificate(certificate).notAfter < now + LEAF_SECONDS) return undefined
      return new X509Issuer({ certificate, key: importSigningKey({ pem: keyPem }, 'ES256') })
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (isAbsent || errorCode(error) !== undefined) return undefined
      throw error
    }
  }

  async #createRoot(now: number): Promise<X509Issuer> {
    const { trustDomain, crypto } = this.#options
    const key = generateSigningKey('ES256')
    const certificate = await buildCaCertificate({
      key,
      crypto,
      subject: { organization: 'Countersign', commonName: 'Web server authority' },
      trustDomain,
      notBefore: now - BACKDATE_SECONDS,
      notAfter: now + ROOT_SECONDS,
      serial: randomSerial(crypto),
    })
    await writePrivateFile(this.#keyFile, encodeKeyPem(key.exportPkcs8()))
    await writePrivateFile(this.#certificateFile, encodePem([certificate]))
    return new X509Issuer({ certificate, key })
  }
}
