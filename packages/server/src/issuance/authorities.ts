import { type Clock, type KeyManager, type Logger, UpstreamAuthorityError } from '@countersign/plugin-kit'
import { type SigningKey, X509Issuer } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import type { AuthorityRequestStore } from '../store/authority-request-store.ts'
import { AUTHORITY_KINDS, type Authority, type AuthorityKind, type AuthorityStore } from '../store/authority-store.ts'
import { AuthorityError } from './authority-error.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { ImportedWarning } from './imported-warning.ts'
import { isOwnKeyName } from './own-key-name.ts'
import { nextRotationAt, planRotation, type RotationStep } from './plan-rotation.ts'
import { prepareAuthority } from './prepare-authority.ts'
import { standingOf } from './published-roots.ts'
import type { UpstreamLink } from './upstream-link.ts'

/** An authority with the key it signs with. */
export interface SigningAuthority {
  readonly authority: Authority
  readonly key: SigningKey
  /** Of an `x509` authority. */
  readonly x509Issuer?: X509Issuer
  /** What a verifier needs besides a leaf and a root: the authority's own certificate, unless it is a root, and so on up. */
  readonly intermediates?: readonly Uint8Array[]
}

export interface AuthoritiesOptions {
  readonly store: AuthorityStore
  readonly keyManager: KeyManager
  readonly factory: AuthorityFactory
  readonly audit: Audit
  readonly log: Logger
  readonly clock: Clock
  readonly propagationSeconds: number
  /** Kinds to keep, besides those that every server has. */
  readonly furtherKinds?: readonly AuthorityKind[]
  /** Keys that wait for a certificate are no orphans. */
  readonly requests: AuthorityRequestStore
  /** What certificate authorities are signed by; without it they are roots. */
  readonly upstream?: UpstreamLink | undefined
  readonly gate: IssuanceGate
}

/** No plan needs more: remove, prepare and activate, each once, and some to spare. */
const MAX_STEPS = 16
/** More than a clock that is set right moves back. */
const MAX_AHEAD_SECONDS = 300

/** The trust domain's signing keys: one active of each kind at any time, replaced before they end. */
export class Authorities {
  readonly #options: AuthoritiesOptions
  /** Kinds that have one active authority at any time. */
  readonly kinds: readonly AuthorityKind[]
  readonly #active = new Map<AuthorityKind, SigningAuthority>()
  readonly #importedWarning: ImportedWarning
  #known: readonly Authority[] = []
  #running: Promise<void> = Promise.resolve()
  #isRecovered = false

  private constructor(options: AuthoritiesOptions) {
    this.#options = options
    this.kinds = [...AUTHORITY_KINDS, ...(options.furtherKinds ?? [])]
    this.#importedWarning = new ImportedWarning(options.clock, options.log)
  }

  /**
   * Recovers from whatever an earlier run left, and ensures one active authority of each kind: at once, or as soon as the
   * clock is right.
   */
  static async open(options: AuthoritiesOptions): Promise<Authorities> {
    const authorities = new Authorities(options)
    await authorities.tick()
    return authorities
  }

  /**
   * The authority that signs at present.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`
   */
  async active(kind: AuthorityKind): Promise<SigningAuthority> {
    const isUsable = () => {
      const { notBefore, notAfter } = this.#active.get(kind)?.authority ?? { notBefore: 0, notAfter: 0 }
      const now = this.#options.clock.now()
      return notAfter > now && notBefore <= now + MAX_AHEAD_SECONDS
    }
    // A machine that slept may have slept through its timers.
    if (!isUsable()) await this.tick()
    const active = this.#active.get(kind)
    if (active === undefined || !isUsable()) {
      throw new AuthorityError('ERR_AUTHORITY_NONE_ACTIVE', 'server has no key to sign with')
    }
    return active
  }

  /** Everything published, as of the last step. */
  list(): readonly Authority[] {
    return this.#known
  }

  /** When `tick` has something to do next, at the latest. Seconds since the epoch. */
  nextTickAt(): number {
    return nextRotationAt(this.#known, this.#options.clock.now())
  }

  /** Does what is due. Calls may overlap; each step is done once. */
  tick(): Promise<void> {
    const run = this.#running.then(() => this.#runSteps())
    this.#running = run.catch(() => {})
    return run
  }

  /**
   * Runs steps that an operator asked for, when no other step is under way. Whatever comes of them, what signs is then
   * what the store says.
   */
  run<T>(steps: () => Promise<T>): Promise<T> {
    const run = this.#running.then(async () => {
      try {
        return await steps()
      } finally {
        await this.#load()
      }
    })
    this.#running = run.then(
      () => {},
      () => {},
    )
    return run
  }

  async #runSteps(): Promise<void> {
    const { gate } = this.#options
    // By a wrong clock everything would have ended, or nothing have begun.
    if (!gate.clockIsRight()) return this.#load()
    await this.#removeThoseOfTheFuture()
    if (!this.#isRecovered) await this.#recover()
    const failures: { readonly kind: AuthorityKind; readonly error: UpstreamAuthorityError }[] = []
    for (const kind of this.kinds) {
      try {
        await this.#runStepsOf(kind)
      } catch (error) {
        // What there is signs on: an upstream that is away is no reason to stop.
        if (!(error instanceof UpstreamAuthorityError)) throw error
        failures.push({ kind, error })
      }
    }
    await this.#load()
    for (const { kind, error } of failures) {
      const active = this.#active.get(kind)?.authority
      this.#options.upstream?.status.failed(kind, error, active)
      if (active === undefined || active.notAfter <= this.#options.clock.now()) throw error
    }
  }

  async #runStepsOf(kind: AuthorityKind): Promise<void> {
    const { store, clock, propagationSeconds, upstream } = this.#options
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const ofKind = (await store.list()).filter((authority) => authority.kind === kind)
      const standing = (authority: Authority) => standingOf(authority, upstream?.known)
      const step = planRotation(ofKind, clock.now(), propagationSeconds, standing)
      if (step === undefined) return
      if (step.do === 'prepare' && upstream === undefined && this.#importedWarning.mustWait(ofKind)) return
      await this.#perform(kind, step)
      if (step.do === 'prepare') upstream?.status.succeeded(kind)
    }
  }

  async #recover(): Promise<void> {
    const { gate, store } = this.#options
    await this.#retireThoseWithoutKey()
    // Of a store that was put back, they may be the only trace of what came after.
    if (!gate.holds().some(({ reason }) => reason === 'restore')) {
      await this.#removeOrphanKeys()
      this.#isRecovered = true
    }
    await store.republish()
  }

  async #perform(kind: AuthorityKind, step: RotationStep): Promise<void> {
    const { store, keyManager } = this.#options
    switch (step.do) {
      case 'prepare':
        this.#report(await prepareAuthority(this.#options, kind), 'prepared')
        return
      case 'taint':
        await store.taint(step.authority)
        this.#report(step.authority, 'tainted')
        return
      case 'revoke':
        await store.revoke(step.authority)
        await keyManager.deleteKey(step.authority.keyName)
        this.#report(step.authority, 'revoked')
        return
      case 'activate':
        await store.activate(step.authority)
        this.#report(step.authority, 'active')
        return
      case 'remove':
        await store.remove(step.authority)
        await keyManager.deleteKey(step.authority.keyName)
        this.#report(step.authority, 'removed')
    }
  }

  async #load(): Promise<void> {
    const { store, factory } = this.#options
    const known = await store.list()
    // The same list as long as nothing has changed: others keep what they made of it.
    if (JSON.stringify(known.map(identityOf)) !== JSON.stringify(this.#known.map(identityOf))) this.#known = known
    for (const authority of this.#known) {
      if (authority.state !== 'active' || this.#active.get(authority.kind)?.authority.id === authority.id) continue
      const key = await factory.loadKey(authority)
      if (key !== undefined) this.#active.set(authority.kind, toSigningAuthority(authority, key))
    }
  }

  /** Made while the clock was wrong: nobody whose clock is right believes them yet. */
  async #removeThoseOfTheFuture(): Promise<void> {
    const { store, keyManager, clock, log } = this.#options
    for (const authority of await store.list()) {
      if (authority.notBefore <= clock.now() + MAX_AHEAD_SECONDS) continue
      log.warn({ authorityId: authority.id, notBefore: authority.notBefore }, 'removing an authority of the future')
      await store.remove(authority)
      if (this.#active.get(authority.kind)?.authority.id === authority.id) this.#active.delete(authority.kind)
      await keyManager.deleteKey(authority.keyName)
      this.#report(authority, 'removed')
    }
  }

  /** A key manager that forgot its keys, or has others under their names: what they signed stays valid. */
  async #retireThoseWithoutKey(): Promise<void> {
    const { store, factory, log } = this.#options
    for (const authority of await store.list()) {
      if (authority.state === 'retired' || (await factory.loadKey(authority)) !== undefined) continue
      log.warn(
        { authorityId: authority.id, kind: authority.kind },
        'private key of an authority is missing, retiring it',
      )
      await store.retire(authority)
      this.#report(authority, 'retired')
    }
  }

  /** A crash between making a key and recording it leaves the key alone. So does a lost data folder, which is no reason. */
  async #removeOrphanKeys(): Promise<void> {
    const { store, requests, keyManager, log } = this.#options
    const referenced = new Set([...(await store.list()), ...(await requests.list())].map(({ keyName }) => keyName))
    for (const name of await keyManager.listKeys()) {
      if (referenced.has(name) || !isOwnKeyName(name)) continue
      if (keyManager.isShared) {
        log.warn({ keyName: name }, 'key manager holds a key that no authority refers to; it may be deleted by hand')
        continue
      }
      log.info({ keyName: name }, 'removing a key that no authority refers to')
      await keyManager.deleteKey(name)
    }
  }

  #report(authority: Authority, state: string): void {
    const { id: authorityId, kind, notAfter } = authority
    this.#options.audit.authorityChanged({ authorityId, kind, state, notAfter })
  }
}

function identityOf({ id, state, taintedAt }: Authority) {
  return [id, state, taintedAt]
}

export function toSigningAuthority(authority: Authority, key: SigningKey): SigningAuthority {
  const { certificate, upstream } = authority
  if (certificate === undefined) return { authority, key }
  const intermediates = upstream === undefined ? [] : [certificate, ...upstream.chain]
  return { authority, key, x509Issuer: new X509Issuer({ certificate, key }), intermediates }
}
