import type { Clock } from '@countersign/plugin-kit'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { SvidIssuer } from '../issuance/svid-issuer.ts'
import { encodeKeyPem, type TlsCredential, type TlsCredentialSource } from './tls-credential.ts'

export interface ServerIdentityOptions {
  readonly issuer: SvidIssuer
  /** Which authority signs at present. */
  readonly signer: () => Promise<string>
  readonly clock: Clock
  readonly trustDomain: string
  readonly ttlSeconds: number
  /** For clients that check a host name. Agents check the identifier. */
  readonly dnsNames: readonly string[]
}

/** The server's own X509-SVID, `spiffe://<trust domain>/countersign/server`, with a new key each time. */
export class ServerIdentity implements TlsCredentialSource {
  readonly #options: ServerIdentityOptions
  #renewAt = 0
  #signer: string | undefined

  constructor(options: ServerIdentityOptions) {
    this.#options = options
  }

  async load(): Promise<TlsCredential> {
    const { issuer, signer, clock, trustDomain, ttlSeconds, dnsNames } = this.#options
    // Before issuing: if it changes meanwhile, there is one renewal more.
    this.#signer = await signer()
    const key = generateSigningKey('ES256')
    const now = clock.now()
    const svid = await issuer.issueX509({
      kind: 'server-svid',
      spiffeId: `spiffe://${trustDomain}/countersign/server`,
      publicKey: key.publicJwk,
      ttlSeconds,
      dnsNames,
    })
    this.#renewAt = now + (svid.expiresAt - now) / 2
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(svid.chain.map(decodeBase64)) }
  }

  async renewIfDue(): Promise<TlsCredential | undefined> {
    const { clock, signer } = this.#options
    // Its authority may be tainted, or revoked, from one moment to the next.
    return clock.now() >= this.#renewAt || (await signer()) !== this.#signer ? this.load() : undefined
  }
}
