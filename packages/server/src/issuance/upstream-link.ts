import {
  type Clock,
  type IssuedCa,
  type Logger,
  type TokenKey,
  type UpstreamAuthority,
  UpstreamAuthorityError,
} from '@countersign/plugin-kit'
import { buildCaRequest, CertificateError, type CryptoBackend, errorCode, type SigningKey } from '@countersign/protocol'
import type { Authority } from '../store/authority-store.ts'
import type { StoredUpstream, UpstreamStore } from '../store/upstream-store.ts'
import { AuthorityError } from './authority-error.ts'
import { caSubject } from './ca-subject.ts'
import { type CertifiedCa, verifyCertifiedCa } from './certified-ca.ts'
import { UpstreamStatus } from './upstream-status.ts'

export interface UpstreamLinkOptions {
  readonly upstream: UpstreamAuthority
  /** Of the plugin, for people. */
  readonly name: string
  readonly store: UpstreamStore
  /** Keys of the servers below this one. */
  readonly downstreamKeys: () => Promise<readonly TokenKey[]>
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly log: Logger
  readonly trustDomain: string
}

/** What this server has from its upstream: its certificate authorities, and whom else to believe. */
export class UpstreamLink {
  readonly #options: UpstreamLinkOptions
  readonly status: UpstreamStatus
  #known: StoredUpstream | undefined
  /** What the upstream has confirmed to publish. */
  #published = ''

  private constructor(options: UpstreamLinkOptions, known: StoredUpstream | undefined) {
    this.#options = options
    this.#known = known
    this.status = new UpstreamStatus(options.name, options.clock, options.log)
  }

  /** Begins with what was known last; asks nobody. */
  static async open(options: UpstreamLinkOptions): Promise<UpstreamLink> {
    return new UpstreamLink(options, await options.store.get())
  }

  /** What the upstream said last, `undefined` before it ever did. */
  get known(): StoredUpstream | undefined {
    return this.#known
  }

  /**
   * Has a CA signed. Nothing the upstream says is believed before it is verified.
   *
   * @param id of the authority
   * @throws UpstreamAuthorityError
   */
  async certify(key: SigningKey, id: string, lifetimeSeconds: number): Promise<CertifiedCa> {
    const { upstream, crypto, trustDomain } = this.#options
    const csr = await buildCaRequest({ key, crypto, subject: caSubject(id), trustDomain })
    const publicKeySpki = await crypto.exportSpki(key.publicJwk)
    const issued = await upstream.issueCa({ csr, publicKeySpki, trustDomain, lifetimeSeconds })
    const certified = await this.#verify(issued, publicKeySpki)
    // Before anything is signed with it, its root must be published.
    await this.#learn({ ...(this.#known ?? NOTHING), roots: issued.roots })
    return certified
  }

  /**
   * Has the upstream publish the token keys of this server and of those below it; does nothing for an upstream of another
   * kind.
   *
   * @throws UpstreamAuthorityError
   */
  async publish(authorities: readonly Authority[]): Promise<void> {
    const { upstream, downstreamKeys } = this.#options
    if (upstream.publishTokenKeys === undefined) return
    const keys = [...tokenKeysOf(authorities), ...(await downstreamKeys())]
    await upstream.publishTokenKeys(keys)
    this.#published = JSON.stringify(keys)
  }

  /**
   * Takes over what the upstream says now, and tells it what it has not heard yet.
   *
   * @returns whether there was news
   * @throws UpstreamAuthorityError, StoreError
   */
  async follow(authorities: readonly Authority[]): Promise<boolean> {
    const { upstream, downstreamKeys } = this.#options
    let bundle = await upstream.readBundle()
    if (upstream.publishTokenKeys !== undefined) {
      const keys = [...tokenKeysOf(authorities), ...(await downstreamKeys())]
      const known = new Set([...bundle.jwtAuthorities, ...bundle.witAuthorities].map(({ kid }) => kid))
      const isKnown = keys.every(({ publicJwk }) => known.has(publicJwk.kid))
      if (!isKnown || this.#published !== JSON.stringify(keys)) {
        await this.publish(authorities)
        bundle = await upstream.readBundle()
      }
    }
    return this.#learn(bundle)
  }

  async #learn(bundle: Omit<StoredUpstream, 'sharesTrustDomain'>): Promise<boolean> {
    const { upstream, store } = this.#options
    const { roots, taintedRoots, jwtAuthorities, witAuthorities } = bundle
    // An upstream that forgot everything must not take everything away.
    if (roots.length === 0) throw answer('upstream names no root at all')
    const sharesTrustDomain = upstream.publishTokenKeys !== undefined
    const next = { sharesTrustDomain, roots, taintedRoots, jwtAuthorities, witAuthorities }
    const isNews = await store.put(next)
    this.#known = next
    return isNews
  }

  async #verify({ chain, roots }: IssuedCa, publicKeySpki: Uint8Array): Promise<CertifiedCa> {
    const { crypto, clock, trustDomain } = this.#options
    try {
      const now = clock.now()
      return await verifyCertifiedCa({ chain, roots, publicKeySpki, trustDomain, now, crypto, isImported: false })
    } catch (cause) {
      if (!(cause instanceof CertificateError || cause instanceof AuthorityError)) throw cause
      throw answer(`what the upstream signed cannot be used: ${cause.message}`, cause)
    }
  }
}

const NOTHING: StoredUpstream = {
  sharesTrustDomain: false,
  roots: [],
  taintedRoots: [],
  jwtAuthorities: [],
  witAuthorities: [],
}

function tokenKeysOf(authorities: readonly Authority[]): TokenKey[] {
  return authorities.flatMap(({ kind, publicJwk, notAfter }) =>
    // Keys of the token service are part of no bundle, above neither.
    kind === 'x509' || kind === 'oauth' || publicJwk === undefined ? [] : [{ kind, publicJwk, notAfter }],
  )
}

function answer(message: string, cause?: unknown): UpstreamAuthorityError {
  const context = cause === undefined ? {} : { detail: errorCode(cause) ?? '', cause }
  return new UpstreamAuthorityError('ERR_UPSTREAM_AUTHORITY_ANSWER', message, context)
}
