import type { AuthorityView } from '@countersign/api'
import type { Clock, KeyManager } from '@countersign/plugin-kit'
import type { Audit } from '../audit/audit.ts'
import type { AuthorityRequestStore } from '../store/authority-request-store.ts'
import type { Authority, AuthorityKind, AuthorityStore } from '../store/authority-store.ts'
import type { TaintReportStore } from '../store/taint-report-store.ts'
import type { Authorities } from './authorities.ts'
import { AuthorityError } from './authority-error.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { authorityView, requestView, revokedView } from './authority-view.ts'
import { distributedAt } from './plan-rotation.ts'
import { prepareAuthority } from './prepare-authority.ts'
import type { UpstreamLink } from './upstream-link.ts'

export interface AuthorityLifeCycleOptions {
  readonly authorities: Authorities
  readonly store: AuthorityStore
  readonly requests: AuthorityRequestStore
  readonly reports: TaintReportStore
  readonly factory: AuthorityFactory
  readonly keyManager: KeyManager
  readonly audit: Audit
  readonly clock: Clock
  readonly propagationSeconds: number
  readonly upstream?: UpstreamLink | undefined
}

/** Goes on where waiting is only advised. */
export interface StepOptions {
  readonly force?: boolean | undefined
}

/**
 * The steps of a signing key's life that an operator may take by hand: prepare, activate, taint, revoke. Each can be asked
 * for again with the same outcome, also after a crash, and is refused with a reason when it is not its turn.
 */
export class AuthorityLifeCycle {
  readonly #options: AuthorityLifeCycleOptions

  constructor(options: AuthorityLifeCycleOptions) {
    this.#options = options
  }

  /** By kind, oldest first; then those that wait for a certificate, then those that were revoked. */
  async list(): Promise<AuthorityView[]> {
    const { store, requests } = this.#options
    const authorities = await store.list()
    const views = await Promise.all(authorities.map((authority) => this.#view(authority, authorities)))
    return [...views, ...(await requests.list()).map(requestView), ...(await store.listRevoked()).map(revokedView)]
  }

  /**
   * Publishes a new authority. One that is prepared already is the answer.
   *
   * @throws AuthorityError `ERR_AUTHORITY_KIND_UNUSED`
   * @throws UpstreamAuthorityError when an upstream has to sign or publish it and does not
   */
  prepare(kind: AuthorityKind): Promise<AuthorityView> {
    const { authorities, store } = this.#options
    if (!authorities.kinds.includes(kind)) {
      throw new AuthorityError(
        'ERR_AUTHORITY_KIND_UNUSED',
        `this server signs nothing with authorities of kind ${kind}`,
      )
    }
    return authorities.run(async () => {
      const present = await store.list()
      const prepared = present.find((authority) => authority.kind === kind && authority.state === 'prepared')
      if (prepared !== undefined) return this.#view(prepared, present)
      const authority = await prepareAuthority(this.#options, kind)
      this.#report(authority, 'prepared')
      return this.#view(authority, [...present, authority])
    })
  }

  /**
   * Signs with a prepared authority from now on.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NOT_FOUND`, `ERR_AUTHORITY_STATE`, `ERR_AUTHORITY_KEY_MISSING`
   * @throws AuthorityError `ERR_AUTHORITY_NOT_DISTRIBUTED` before everyone can know it, unless forced
   */
  activate(id: string, { force = false }: StepOptions = {}): Promise<AuthorityView> {
    const { authorities, store, factory, clock, propagationSeconds } = this.#options
    return authorities.run(async () => {
      const present = await store.list()
      const authority = await this.#require(id, present)
      if (authority.state === 'retired') {
        throw new AuthorityError(
          'ERR_AUTHORITY_STATE',
          'authority is retired and signs nothing more; prepare a new one',
        )
      }
      if (authority.state === 'prepared') {
        const active = present.find((other) => other.kind === authority.kind && other.state === 'active')
        const at = distributedAt(authority, active, propagationSeconds)
        if (clock.now() < at && !force) {
          const when = new Date(Math.ceil(at) * 1000).toISOString()
          throw new AuthorityError(
            'ERR_AUTHORITY_NOT_DISTRIBUTED',
            `authority is not known everywhere before ${when}; wait, or force it`,
          )
        }
        if ((await factory.loadKey(authority)) === undefined) {
          throw new AuthorityError('ERR_AUTHORITY_KEY_MISSING', 'key manager has no such key; prepare a new authority')
        }
        await store.activate(authority)
        this.#report(authority, 'active')
      }
      return this.#viewOf(id)
    })
  }

  /**
   * Has everything replaced that an authority signed.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NOT_FOUND`; `ERR_AUTHORITY_STATE` for one that still signs, or never has
   */
  taint(id: string): Promise<AuthorityView> {
    const { authorities, store } = this.#options
    return authorities.run(async () => {
      const authority = await this.#require(id, await store.list())
      if (authority.state === 'active') {
        throw new AuthorityError(
          'ERR_AUTHORITY_STATE',
          'authority signs at present; prepare and activate another first',
        )
      }
      if (authority.state === 'prepared') {
        throw new AuthorityError('ERR_AUTHORITY_STATE', 'authority has signed nothing yet; revoke it')
      }
      if (authority.taintedAt === undefined) {
        await store.taint(authority)
        this.#report(authority, 'tainted')
      }
      return this.#viewOf(id)
    })
  }

  /**
   * Takes an authority out of the bundle: nothing it signed convinces anybody who has the new bundle. Its private key is
   * deleted.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NOT_FOUND`, `ERR_AUTHORITY_STATE` for the one that signs
   * @throws AuthorityError `ERR_AUTHORITY_NOT_TAINTED`, `ERR_AUTHORITY_STILL_USED` unless forced
   */
  revoke(id: string, { force = false }: StepOptions = {}): Promise<AuthorityView> {
    const { authorities, store, requests, keyManager, clock } = this.#options
    return authorities.run(async () => {
      const request = (await requests.list()).find((each) => each.id === id)
      if (request !== undefined) {
        // Published nowhere: there is nothing to wait for, and nothing to remember.
        await requests.remove(id)
        await keyManager.deleteKey(request.keyName)
        return { ...requestView(request), state: 'revoked', revokedAt: clock.now() }
      }
      const present = await store.list()
      const revoked = (await store.listRevoked()).find((each) => each.id === id)
      const authority = present.find((each) => each.id === id)
      if (authority === undefined && revoked === undefined) throw notFound()
      if (authority !== undefined) {
        await this.#requireRevocable(authority, force)
        await store.revoke(authority)
        this.#report(authority, 'revoked')
      }
      // Again for one that was revoked before: a crash may have come between.
      await keyManager.deleteKey(authority?.keyName ?? id)
      return this.#viewOf(id)
    })
  }

  async #requireRevocable(authority: Authority, force: boolean): Promise<void> {
    if (authority.state === 'active') {
      throw new AuthorityError('ERR_AUTHORITY_STATE', 'authority signs at present; prepare and activate another first')
    }
    if (force || authority.state === 'prepared') return
    if (authority.taintedAt === undefined) {
      throw new AuthorityError('ERR_AUTHORITY_NOT_TAINTED', 'authority is not tainted; taint it first, or force it')
    }
    const { waiting, nodes } = await this.#options.reports.progress(authority.id, authority.taintedAt)
    if (waiting > 0) {
      throw new AuthorityError(
        'ERR_AUTHORITY_STILL_USED',
        `${waiting} of ${nodes} nodes may still use what the authority signed; wait, or force it`,
      )
    }
  }

  async #require(id: string, present: readonly Authority[]): Promise<Authority> {
    const authority = present.find((each) => each.id === id)
    if (authority !== undefined) return authority
    if ((await this.#options.store.listRevoked()).some((each) => each.id === id)) {
      throw new AuthorityError('ERR_AUTHORITY_STATE', 'authority is revoked')
    }
    throw notFound()
  }

  async #viewOf(id: string): Promise<AuthorityView> {
    const view = (await this.list()).find((each) => each.id === id)
    if (view === undefined) throw notFound()
    return view
  }

  async #view(authority: Authority, present: readonly Authority[]): Promise<AuthorityView> {
    const { reports, propagationSeconds } = this.#options
    const { id, kind, state, taintedAt } = authority
    const active = present.find((other) => other.kind === kind && other.state === 'active')
    return {
      ...authorityView(authority),
      ...(state === 'prepared' && {
        distributedAt: Math.ceil(distributedAt(authority, active, propagationSeconds)),
      }),
      ...(taintedAt !== undefined && { taint: await reports.progress(id, taintedAt) }),
    }
  }

  #report(authority: Authority, state: string): void {
    const { id: authorityId, kind, notAfter } = authority
    this.#options.audit.authorityChanged({ authorityId, kind, state, notAfter })
  }
}

function notFound(): AuthorityError {
  return new AuthorityError('ERR_AUTHORITY_NOT_FOUND', 'no such authority; `countersign authority list` shows them')
}
