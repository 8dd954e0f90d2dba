import type { Clock, KeyManager, Logger } from '@countersign/plugin-kit'
import { type SigningKey, X509Issuer } from '@countersign/protocol'
import type { Audit } from '../audit/audit.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import { AUTHORITY_KINDS, type Authority, type AuthorityKind, type AuthorityStore } from '../store/authority-store.ts'
import { AuthorityError } from './authority-error.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { isOwnKeyName } from './own-key-name.ts'
import { nextRotationAt, planRotation, type RotationStep } from './plan-rotation.ts'

/** An authority with the key it signs with. */
export interface SigningAuthority {
  readonly authority: Authority
  readonly key: SigningKey
  /** Of an `x509` authority. */
  readonly x509Issuer?: X509Issuer
}

export interface AuthoritiesOptions {
  readonly store: AuthorityStore
  readonly keyManager: KeyManager
  readonly factory: AuthorityFactory
  readonly audit: Audit
  readonly log: Logger
  readonly clock: Clock
  readonly propagationSeconds: number
  readonly gate: IssuanceGate
}

/** No plan needs more: remove, prepare and activate, each once, and some to spare. */
const MAX_STEPS = 16
/** More than a clock that is set right moves back. */
const MAX_AHEAD_SECONDS = 300

/** The trust domain's signing keys: one active of each kind at any time, replaced before they end. */
export class Authorities {
  readonly #options: AuthoritiesOptions
  readonly #active = new Map<AuthorityKind, SigningAuthority>()
  #known: readonly Authority[] = []
  #running: Promise<void> = Promise.resolve()
  #isRecovered = false

  private constructor(options: AuthoritiesOptions) {
    this.#options = options
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
    for (const kind of AUTHORITY_KINDS) {
      for (let steps = 0; steps < MAX_STEPS; steps++) {
        const ofKind = (await this.#options.store.list()).filter((authority) => authority.kind === kind)
        const step = planRotation(ofKind, this.#options.clock.now(), this.#options.propagationSeconds)
        if (step === undefined) break
        await this.#perform(kind, step)
      }
    }
    await this.#load()
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
    const { store, keyManager, factory } = this.#options
    switch (step.do) {
      case 'prepare': {
        // The key first: a record without a key could not be told from a lost key.
        const authority = await factory.create(kind)
        await store.add(authority)
        this.#report(authority, 'prepared')
        return
      }
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

  /** A crash between making a key and recording it leaves the key alone. */
  async #removeOrphanKeys(): Promise<void> {
    const { store, keyManager, log } = this.#options
    const referenced = new Set((await store.list()).map((authority) => authority.keyName))
    for (const name of await keyManager.listKeys()) {
      if (referenced.has(name) || !isOwnKeyName(name)) continue
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

function toSigningAuthority(authority: Authority, key: SigningKey): SigningAuthority {
  const { certificate } = authority
  if (certificate === undefined) return { authority, key }
  return { authority, key, x509Issuer: new X509Issuer({ certificate, key }) }
}
