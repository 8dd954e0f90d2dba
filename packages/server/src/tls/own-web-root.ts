import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { basename, join } from 'node:path'
import type { Clock } from '@countersign/plugin-kit'
import {
  buildCaCertificate,
  type CryptoBackend,
  decodePem,
  encodePem,
  issueTlsCertificate,
  parseCertificate,
  randomSerial,
  X509Issuer,
} from '@countersign/protocol'
import { generateSigningKey, importSigningKey } from '@countersign/protocol/keys-node'
import { BACKDATE_SECONDS } from '../issuance/backdate.ts'
import { ServerError } from '../server-error.ts'
import { readPrivateFile } from './read-private-file.ts'
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

  /** @throws ServerError `ERR_SERVER_TLS_FILE` when a file of the root is damaged, or its key open to others */
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

  /**
   * @returns `undefined` when there is none or it is about to expire. A root that others may have pinned is never replaced
   *   for another reason: whoever can damage a file could otherwise make them distrust this server.
   * @throws ServerError `ERR_SERVER_TLS_FILE`
   */
  async #readRoot(now: number): Promise<X509Issuer | undefined> {
    const certificate = await readUsable(this.#certificateFile, async (path) => {
      const pem = await readUnlessAbsent(path)
      return pem === undefined ? undefined : parseCertificate(decodePem(pem)[0] ?? new Uint8Array())
    })
    // The key is written first, so a crash leaves a key without certificate, never the other way round.
    if (certificate === undefined || certificate.notAfter < now + LEAF_SECONDS) return undefined
    return readUsable(this.#keyFile, async (path) => {
      const pem = await readPrivateFile(path)
      return new X509Issuer({ certificate: certificate.raw, key: importSigningKey({ pem }, 'ES256') })
    })
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

/** @throws ServerError `ERR_SERVER_TLS_FILE` that names the file, whatever is wrong with it */
async function readUsable<T>(path: string, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new ServerError('ERR_SERVER_TLS_FILE', `${basename(path)} in the data folder cannot be used`, {
      detail: code ?? message,
      cause,
    })
  }
}

async function readUnlessAbsent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
