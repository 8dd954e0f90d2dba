import type { Clock } from '@countersign/plugin-kit'
import type { Authority } from '../store/authority-store.ts'
import { type Authorities, type SigningAuthority, toSigningAuthority } from './authorities.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import { distributedAt } from './plan-rotation.ts'

export interface OwnSignerOptions {
  readonly authorities: Pick<Authorities, 'active' | 'list'>
  readonly factory: Pick<AuthorityFactory, 'loadKey'>
  readonly clock: Clock
  readonly propagationSeconds: number
}

/**
 * Which authority speaks for the server itself. Whoever follows the bundle reaches the server only if it can verify it, and
 * learns of a new authority only when it has reached the server: so the one before stays, retired as it may be, until the
 * new one was published long enough for everyone to know it. What others are given, the active one signs.
 */
export class OwnSigner {
  readonly #options: OwnSignerOptions

  constructor(options: OwnSignerOptions) {
    this.#options = options
  }

  /**
   * Whose certificate is best shown at present. It may be tainted: what is signed already is not withdrawn by that.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`
   */
  async expected(): Promise<Authority> {
    const { authorities, clock, propagationSeconds } = this.#options
    const { authority: active } = await authorities.active('x509')
    return knownToAll(authorities.list(), clock.now(), propagationSeconds) ?? active
  }

  /**
   * What signs the next certificate: nothing more is signed by a tainted key, nor by one that is gone.
   *
   * @throws AuthorityError `ERR_AUTHORITY_NONE_ACTIVE`
   */
  async signing(): Promise<SigningAuthority> {
    const { authorities, factory, clock, propagationSeconds } = this.#options
    const active = await authorities.active('x509')
    const sound = authorities.list().filter(({ taintedAt }) => taintedAt === undefined)
    const authority = knownToAll(sound, clock.now(), propagationSeconds) ?? active.authority
    if (authority.id === active.authority.id) return active
    const key = await factory.loadKey(authority)
    return key === undefined ? active : toSigningAuthority(authority, key)
  }
}

/** The newest authority for certificates that has been published long enough, else the one that has been for longest. */
function knownToAll(list: readonly Authority[], now: number, propagationSeconds: number): Authority | undefined {
  const used = list.filter(({ kind, state, notAfter }) => kind === 'x509' && state !== 'prepared' && notAfter > now)
  // The active one last, also where an older one was activated after a newer.
  const inOrder = used.toSorted(
    (a, b) => Number(a.state === 'active') - Number(b.state === 'active') || a.notBefore - b.notBefore,
  )
  return inOrder.findLast((authority, index) => now >= distributedAt(authority, inOrder[index - 1], propagationSeconds))
}
