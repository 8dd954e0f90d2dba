import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '@countersign/plugin-kit'
import {
  type CryptoBackend,
  errorCode,
  parseSpiffeBundle,
  type VerifiedX509Svid,
  verifyX509Svid,
  WorkloadId,
} from '@countersign/protocol'
import type { BundleStore } from '../store/bundle-store.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import { readPeerChain } from '../tls/peer-chain.ts'
import { AdminError } from './admin-error.ts'
import type { AdminCaller } from './administrators.ts'
import type { TokenAuthentication } from './oidc/token-authentication.ts'

export interface AdminAuthenticationOptions {
  readonly bundles: BundleStore
  readonly certificates: CertificateStore
  readonly tokens: TokenAuthentication
  readonly clock: Clock
  readonly crypto: CryptoBackend
  readonly trustDomain: string
  /** The user at the other end of a connection to the admin socket, as the kernel says it. */
  readonly uidOf: (socket: Socket) => number | undefined
  /** The user that this server runs as. */
  readonly ownUid: number | undefined
}

/** Finds out who makes an administrative call. What they may is asked elsewhere. */
export class AdminAuthentication {
  readonly #options: AdminAuthenticationOptions

  constructor(options: AdminAuthenticationOptions) {
    this.#options = options
  }

  /**
   * Over the network a token, when there is one, is all that counts: it is more than what the connection is made with, and
   * two identities at once would be neither.
   *
   * @throws AdminError `ERR_ADMIN_PEER`, `ERR_ADMIN_NO_CREDENTIAL`, `ERR_ADMIN_NO_CERTIFICATE`, `ERR_ADMIN_CERTIFICATE`, or
   *   as `TokenAuthentication`
   */
  async authenticate(socket: Socket, authorization: string | undefined): Promise<AdminCaller> {
    if (!(socket instanceof TLSSocket)) return this.#localUser(socket)
    if (authorization !== undefined) return this.#options.tokens.authenticate(authorization)
    const chain = readPeerChain(socket)
    if (chain.length > 0) return this.#workload(chain)
    const challenge = this.#options.tokens.challenge
    if (challenge === undefined) throw new AdminError('ERR_ADMIN_NO_CERTIFICATE', 'client certificate is missing')
    throw new AdminError('ERR_ADMIN_NO_CREDENTIAL', 'neither a client certificate nor a token was shown', {
      headers: { 'www-authenticate': challenge },
    })
  }

  #localUser(socket: Socket): AdminCaller {
    const { uidOf, ownUid } = this.#options
    const uid = uidOf(socket)
    if (uid === undefined) throw new AdminError('ERR_ADMIN_PEER', 'the kernel does not say who connected')
    return { name: `uid:${uid}`, subjects: [{ uid }], isOwner: uid === 0 || uid === ownUid }
  }

  async #workload(chain: readonly Uint8Array[]): Promise<AdminCaller> {
    try {
      const { id, leaf } = await this.#verify(chain)
      const serial = Buffer.from(leaf.serial).toString('hex')
      // A ban must not wait for a list to arrive anywhere: the one who keeps it is asked.
      if (await this.#options.certificates.isRevoked(serial)) throw certificateError('ERR_CERTIFICATE_REVOKED')
      const spiffeId = id.toString()
      return { name: spiffeId, subjects: [{ spiffeId }], isOwner: false }
    } catch (cause) {
      if (cause instanceof AdminError || errorCode(cause) === undefined) throw cause
      throw certificateError(errorCode(cause) ?? '', cause)
    }
  }

  /** Each trust domain vouches for its own programs, with the bundle that is stored now. */
  async #verify(chain: readonly Uint8Array[]): Promise<VerifiedX509Svid> {
    const { bundles, clock, crypto } = this.#options
    let wanted: string | undefined
    const verification = { chain, now: clock.now(), crypto, usage: 'clientAuth' } as const
    const ask = (origin: string) => {
      wanted = origin
      return undefined
    }
    try {
      // To learn the trust domain; without roots nothing is believed.
      return await verifyX509Svid({ ...verification, roots: ask })
    } catch (error) {
      if (errorCode(error) !== 'ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN' || wanted === undefined) throw error
      const { trustDomain, scheme } = WorkloadId.parse(`${wanted}/a`)
      const known = scheme === 'spiffe' ? await bundles.get(trustDomain) : undefined
      if (known === undefined) throw error
      const { x509Authorities } = parseSpiffeBundle(trustDomain, known.bundle)
      return verifyX509Svid({ ...verification, roots: (origin) => (origin === wanted ? x509Authorities : undefined) })
    }
  }
}

function certificateError(detail: string, cause?: unknown): AdminError {
  return new AdminError('ERR_ADMIN_CERTIFICATE', 'client certificate cannot be verified', { detail, cause })
}
