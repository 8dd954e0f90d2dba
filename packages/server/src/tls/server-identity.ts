import type { Clock } from '@countersign/plugin-kit'
import { decodeBase64, encodePem } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { OwnSigner } from '../issuance/own-signer.ts'
import type { SvidIssuer } from '../issuance/svid-issuer.ts'
import { encodeKeyPem, type TlsCredential, type TlsCredentialSource } from './tls-credential.ts'

export interface ServerIdentityOptions {
  readonly issuer: Pick<SvidIssuer, 'issueX509'>
  readonly signer: Pick<OwnSigner, 'expected' | 'signing'>
  readonly clock: Clock
  readonly trustDomain: string
  readonly ttlSeconds: number
  /** For clients that check a host name. Agents check the identifier. */
  readonly dnsNames: readonly string[]
}

interface Current {
  readonly authorityId: string
  /** Its half-life. */
  readonly renewAt: number
  /** Nearly its end; what is left is for clocks that are ahead, and for a round of maintenance that comes late. */
  readonly leaveAt: number
}

const LEAVE_AT = 19 / 20

/** The server's own X509-SVID, `spiffe://<trust domain>/countersign/server`, with a new key each time. */
export class ServerIdentity implements TlsCredentialSource {
  readonly #options: ServerIdentityOptions
  #current: Current | undefined

  constructor(options: ServerIdentityOptions) {
    this.#options = options
  }

  async load(): Promise<TlsCredential> {
    const { issuer, signer, clock, trustDomain, ttlSeconds, dnsNames } = this.#options
    const key = generateSigningKey('ES256')
    const now = clock.now()
    const request = {
      kind: 'server-svid',
      spiffeId: `spiffe://${trustDomain}/countersign/server`,
      publicKey: key.publicJwk,
      ttlSeconds,
      dnsNames,
    } as const
    const { chain, expiresAt, authorityId } = await issuer.issueX509(request, await signer.signing())
    const lifetime = expiresAt - now
    this.#current = { authorityId, renewAt: now + lifetime / 2, leaveAt: now + lifetime * LEAVE_AT }
    return { key: encodeKeyPem(key.exportPkcs8()), cert: encodePem(chain.map(decodeBase64)) }
  }

  async renewIfDue(): Promise<TlsCredential | undefined> {
    return (await this.#isDue()) ? this.load() : undefined
  }

  /** Its authority may be replaced, tainted or revoked from one moment to the next. */
  async #isDue(): Promise<boolean> {
    const { clock, signer } = this.#options
    const now = clock.now()
    if (this.#current === undefined) return true
    const { authorityId, renewAt, leaveAt } = this.#current
    const expected = await signer.expected()
    const signing = (await signer.signing()).authority.id
    if (authorityId === signing) return now >= renewAt
    // Known to more than what would sign the next one, so it is kept for as long as it can be.
    if (authorityId === expected.id) return now >= leaveAt
    return true
  }
}
