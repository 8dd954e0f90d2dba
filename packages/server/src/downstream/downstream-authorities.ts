import type { DownstreamBundle, DownstreamCa, DownstreamCaRequest, DownstreamKeys } from '@countersign/api'
import type { Clock, TokenKey } from '@countersign/plugin-kit'
import {
  CertificateError,
  type CryptoBackend,
  decodeBase64,
  encodeBase64,
  issueCaCertificate,
  KeyError,
  parsePublicJwk,
  randomSerial,
  verifyCertificateRequest,
} from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { Authorities } from '../issuance/authorities.ts'
import { AuthorityError } from '../issuance/authority-error.ts'
import { BACKDATE_SECONDS } from '../issuance/backdate.ts'
import type { Authority } from '../store/authority-store.ts'
import type { BundleStore } from '../store/bundle-store.ts'
import type { CertificateStore } from '../store/certificate-store.ts'
import type { DownstreamKeyStore } from '../store/downstream-key-store.ts'
import type { DownstreamServer } from './downstream-authentication.ts'
import { DownstreamError } from './downstream-error.ts'

export interface DownstreamAuthoritiesOptions {
  readonly authorities: Authorities
  readonly certificates: CertificateStore
  readonly bundles: BundleStore
  readonly keys: DownstreamKeyStore
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly audit: Audit
  readonly trustDomain: string
  /** Longest life of a CA below. Seconds. */
  readonly caTtlSeconds: number
  /** How many levels of servers may stand below the next one. */
  readonly pathLength: number
  /** Longest time that a key below may sign for. Seconds. */
  readonly keyTtlSeconds: number
}

/** The `kid` of a token key: what can be a file name, a column and a URL part. */
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** What servers below this one get and give: their CAs, the trust domain's bundle, and the keys they sign tokens with. */
export class DownstreamAuthorities {
  readonly #options: DownstreamAuthoritiesOptions

  constructor(options: DownstreamAuthoritiesOptions) {
    this.#options = options
  }

  /**
   * Signs a CA for the key of a request, and for nothing else that the request says. It lives no longer than was asked for,
   * than configured, than the entry of the one who asks, and than what signs it.
   *
   * @throws DownstreamError `ERR_DOWNSTREAM_REQUEST` for a request that does not prove its key, or a key that cannot be
   *   certified; `ERR_DOWNSTREAM_PATH_LENGTH` when this server's own CA leaves no room for one below
   * @throws AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`; NodeError, StoreError as `CertificateStore.record`
   */
  async issueCa(server: DownstreamServer, request: DownstreamCaRequest): Promise<DownstreamCa> {
    const { authorities, certificates, crypto, clock, audit, trustDomain, caTtlSeconds } = this.#options
    const publicKeySpki = await this.#provenKey(request)
    const { authority, key, intermediates = [] } = await authorities.active('x509')
    const { certificate: issuer } = authority
    if (issuer === undefined) throw new TypeError('x509 authority has no certificate')
    const now = clock.now()
    const lifetime = Math.min(request.ttl, caTtlSeconds)
    const notAfter = Math.min(now + lifetime, authority.notAfter, server.endsAt ?? Number.MAX_SAFE_INTEGER)
    if (notAfter <= now) throw new AuthorityError('ERR_AUTHORITY_NONE_ACTIVE', 'no time is left for a certificate')
    const serialBytes = randomSerial(crypto)
    const ca = await this.#sign({
      issuer: { certificate: issuer, key },
      crypto,
      publicKeySpki,
      subject: { organization: 'Countersign', commonName: 'Workload identity authority' },
      trustDomain,
      notBefore: now - BACKDATE_SECONDS,
      notAfter,
      serial: serialBytes,
    })
    const serial = Buffer.from(serialBytes).toString('hex')
    // Nothing leaves that could not be revoked later: a ban of the node ends the CA too.
    await certificates.record(server.agentId, [{ serial, authorityId: authority.id, expiresAt: notAfter }])
    const { spiffeId, agentId, entryId } = server
    const issued = { kind: 'downstream-ca', spiffeId, expiresAt: notAfter, serial, authorityId: authority.id } as const
    audit.credentialIssued({ ...issued, agentId, entryId })
    return { chain: [ca, ...intermediates].map(encodeBase64), bundle: await this.readBundle() }
  }

  async readBundle(): Promise<DownstreamBundle> {
    const { bundles, authorities, trustDomain } = this.#options
    const bundle = (await bundles.get(trustDomain)) ?? { trustDomain, bundle: { keys: [] } }
    const isTainted = ({ taintedAt, certificate }: Authority) => taintedAt !== undefined && certificate !== undefined
    const tainted = authorities.list().filter(isTainted)
    return { bundle, taintedX509: tainted.map(({ certificate = new Uint8Array() }) => encodeBase64(certificate)) }
  }

  /**
   * Takes over all token keys of a server below, in place of those it named before.
   *
   * @throws DownstreamError `ERR_DOWNSTREAM_KEYS` for a key that cannot verify tokens here, has no usable name, or would sign
   *   for too long; `ERR_DOWNSTREAM_KEY_TAKEN`
   */
  async replaceKeys(server: DownstreamServer, { keys }: DownstreamKeys): Promise<void> {
    await this.#options.keys.replace(
      server,
      keys.map((key) => this.#parseKey(key)),
    )
  }

  async #provenKey({ csr }: DownstreamCaRequest): Promise<Uint8Array> {
    try {
      const { publicKeySpki } = await verifyCertificateRequest(decodeBase64(csr), this.#options.crypto)
      return publicKeySpki
    } catch (cause) {
      throw new DownstreamError('ERR_DOWNSTREAM_REQUEST', 'request cannot be read or does not prove its key', {
        detail: (cause as Error).message,
        cause,
      })
    }
  }

  async #sign(request: Parameters<typeof issueCaCertificate>[0]): Promise<Uint8Array> {
    try {
      return await issueCaCertificate({ ...request, pathLength: this.#options.pathLength })
    } catch (cause) {
      if (!(cause instanceof CertificateError) || cause.code !== 'ERR_CERTIFICATE_PATH_LENGTH') throw cause
      throw new DownstreamError(
        'ERR_DOWNSTREAM_PATH_LENGTH',
        'the CA of this server leaves no room for servers that deep below it: path lengths above and here must allow it',
        { detail: cause.detail ?? '', cause },
      )
    }
  }

  #parseKey({ use, key, notAfter }: DownstreamKeys['keys'][number]): TokenKey {
    const { clock, keyTtlSeconds } = this.#options
    let publicJwk: TokenKey['publicJwk']
    try {
      publicJwk = parsePublicJwk(key)
    } catch (cause) {
      if (!(cause instanceof KeyError)) throw cause
      throw refused(`a key cannot be used: ${cause.message}`, cause)
    }
    if (!KEY_NAME.test(publicJwk.kid ?? '')) throw refused('a key has no usable name')
    if (notAfter <= clock.now() || notAfter > clock.now() + keyTtlSeconds) {
      throw refused(`a key has ended, or signs for more than ${keyTtlSeconds} seconds`)
    }
    return { kind: use === 'jwt-svid' ? 'jwt' : 'wit', publicJwk, notAfter }
  }
}

function refused(message: string, cause?: unknown): DownstreamError {
  return new DownstreamError('ERR_DOWNSTREAM_KEYS', message, cause === undefined ? {} : { cause })
}
