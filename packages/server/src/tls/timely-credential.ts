import type { Clock } from '@countersign/plugin-kit'
import { buildCaCertificate, type CryptoBackend, encodePem, randomSerial } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import { encodeKeyPem, type TlsCredential, type TlsCredentialSource } from './tls-credential.ts'

export interface TimelyCredentialOptions {
  readonly source: TlsCredentialSource
  readonly gate: Pick<IssuanceGate, 'clockIsRight'>
  readonly clock: Clock
  readonly crypto: CryptoBackend
  readonly trustDomain: string
}

const HOUR = 3600

/**
 * While the clock is wrong, a certificate that convinces nobody, so that the listener can say what is wrong; then that of the
 * source. The source could only sign what ends in another century, or replace a root that others have pinned.
 */
export class TimelyCredential implements TlsCredentialSource {
  readonly #options: TimelyCredentialOptions
  #isMakeshift = false

  constructor(options: TimelyCredentialOptions) {
    this.#options = options
  }

  async load(): Promise<TlsCredential> {
    const { source, gate } = this.#options
    this.#isMakeshift = !gate.clockIsRight()
    return this.#isMakeshift ? this.#makeshift() : source.load()
  }

  async renewIfDue(): Promise<TlsCredential | undefined> {
    const { source, gate } = this.#options
    if (!gate.clockIsRight()) return undefined
    if (!this.#isMakeshift) return source.renewIfDue()
    const credential = await source.load()
    this.#isMakeshift = false
    return credential
  }

  async #makeshift(): Promise<TlsCredential> {
    const { clock, crypto, trustDomain } = this.#options
    const key = generateSigningKey('ES256')
    const now = clock.now()
    const certificate = await buildCaCertificate({
      key,
      crypto,
      subject: { organization: 'Countersign', commonName: 'Clock of the server is wrong' },
      trustDomain,
      notBefore: now,
      notAfter: now + HOUR,
      serial: randomSerial(crypto),
    })
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem([certificate]) }
  }
}
