import type { AuthorityView } from '@countersign/api'
import type { Clock, KeyManager } from '@countersign/plugin-kit'
import { CertificateError, type CryptoBackend, parseCertificate } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { AuthorityRequest, AuthorityRequestStore } from '../store/authority-request-store.ts'
import type { Authority, AuthorityStore } from '../store/authority-store.ts'
import type { Authorities } from './authorities.ts'
import { AuthorityError } from './authority-error.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { authorityView, requestView } from './authority-view.ts'
import { verifyCertifiedCa } from './certified-ca.ts'

export interface AuthorityImportsOptions {
  readonly authorities: Authorities
  readonly store: AuthorityStore
  readonly requests: AuthorityRequestStore
  readonly factory: AuthorityFactory
  readonly keyManager: KeyManager
  readonly crypto: CryptoBackend
  readonly audit: Audit
  readonly clock: Clock
  readonly trustDomain: string
}

/** More would be a mistake, and each has a key. */
const MAX_REQUESTS = 16

/** Certificate authorities that somebody signs by hand: the key is made here, the certificate is brought. */
export class AuthorityImports {
  readonly #options: AuthorityImportsOptions

  constructor(options: AuthorityImportsOptions) {
    this.#options = options
  }

  /**
   * Makes a key and asks for its certificate. The key waits for thirty days.
   *
   * @throws AuthorityError `ERR_AUTHORITY_STATE` when too many wait already
   */
  request(): Promise<{ readonly authority: AuthorityView; readonly csr: Uint8Array }> {
    const { authorities, requests, factory, audit } = this.#options
    return authorities.run(async () => {
      await this.#forgetEnded()
      if ((await requests.list()).length >= MAX_REQUESTS) {
        throw new AuthorityError('ERR_AUTHORITY_STATE', `${MAX_REQUESTS} authorities wait for a certificate already`)
      }
      const request = await factory.request()
      await requests.add(request)
      audit.authorityChanged({ authorityId: request.id, kind: 'x509', state: 'requested', notAfter: request.endsAt })
      return { authority: requestView(request), csr: request.csr }
    })
  }

  /**
   * Publishes the root above a certificate that was brought, and so prepares its authority. Asked again, it answers the same.
   *
   * @param chain DER, the authority's own certificate first; its root may be at the end
   * @param root DER; needed when it is not in the chain
   * @throws AuthorityError `ERR_AUTHORITY_NOT_FOUND`; `ERR_AUTHORITY_STATE` while another is prepared;
   *   `ERR_AUTHORITY_OTHER_KEY`, `ERR_AUTHORITY_NO_ROOT`
   * @throws CertificateError as `verifyCaCertificate`
   */
  import(id: string, chain: readonly Uint8Array[], root?: Uint8Array): Promise<AuthorityView> {
    const { authorities, store, requests, audit } = this.#options
    return authorities.run(async () => {
      const present = await store.list()
      const done = present.find((authority) => authority.id === id && authority.upstream?.isImported === true)
      if (done !== undefined) {
        await requests.remove(id)
        return authorityView(done)
      }
      const request = (await requests.list()).find((each) => each.id === id)
      if (request === undefined) {
        const text = 'no such authority waits for a certificate; `countersign authority list` shows those that do'
        throw new AuthorityError('ERR_AUTHORITY_NOT_FOUND', text)
      }
      if (present.some(({ kind, state }) => kind === 'x509' && state === 'prepared')) {
        throw new AuthorityError(
          'ERR_AUTHORITY_STATE',
          'another certificate authority is prepared; activate or revoke it first',
        )
      }
      const authority = await this.#certified(request, chain, root)
      // The record first: a crash in between leaves a request that the next import removes.
      await store.add(authority)
      await requests.remove(id)
      audit.authorityChanged({ authorityId: id, kind: 'x509', state: 'prepared', notAfter: authority.notAfter })
      return authorityView(authority)
    })
  }

  async #certified({ id, keyName }: AuthorityRequest, chain: readonly Uint8Array[], root?: Uint8Array) {
    const { keyManager, crypto, clock, trustDomain } = this.#options
    const key = await keyManager.getKey(keyName)
    if (key === undefined) {
      throw new AuthorityError('ERR_AUTHORITY_KEY_MISSING', 'key manager has no such key; request a new authority')
    }
    const publicKeySpki = await crypto.exportSpki(key.publicJwk)
    const roots = root === undefined ? chain.slice(1).filter(isSelfIssued) : [root]
    if (roots.length === 0) {
      throw new AuthorityError('ERR_AUTHORITY_NO_ROOT', 'chain does not end with a root; name the root as well')
    }
    const now = clock.now()
    const options = { chain, roots, publicKeySpki, trustDomain, now, crypto, isImported: true }
    const certified = await verifyCertifiedCa(options)
    if (Buffer.compare(certified.certificate, certified.upstream.root) === 0) {
      throw new CertificateError('ERR_CERTIFICATE_ISSUER', 'certificate was signed by its own key, not from above')
    }
    // It is published from now on, whenever it was signed.
    const authority: Authority = { id, kind: 'x509', keyName, state: 'prepared', notBefore: now, ...certified }
    return authority
  }

  async #forgetEnded(): Promise<void> {
    const { requests, keyManager, clock } = this.#options
    for (const { id, keyName, endsAt } of await requests.list()) {
      if (endsAt > clock.now()) continue
      await requests.remove(id)
      await keyManager.deleteKey(keyName)
    }
  }
}

function isSelfIssued(der: Uint8Array): boolean {
  const { subject, issuer } = parseCertificate(der)
  return Buffer.compare(subject, issuer) === 0
}
