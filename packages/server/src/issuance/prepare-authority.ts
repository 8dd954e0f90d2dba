import type { KeyManager } from '@countersign/plugin-kit'
import type { Authority, AuthorityKind, AuthorityStore } from '../store/authority-store.ts'
import type { AuthorityFactory } from './authority-factory.ts'
import type { UpstreamLink } from './upstream-link.ts'

export interface PrepareParts {
  readonly store: AuthorityStore
  readonly factory: AuthorityFactory
  readonly keyManager: KeyManager
  readonly upstream?: UpstreamLink | undefined
}

/**
 * Makes an authority and publishes it. The key comes first: a record without a key could not be told from a lost key. What an
 * upstream must know it knows before this server's own agents do.
 *
 * @throws UpstreamAuthorityError; no key is left then
 */
export async function prepareAuthority(parts: PrepareParts, kind: AuthorityKind): Promise<Authority> {
  const { store, factory, keyManager, upstream } = parts
  const authority = await factory.create(kind)
  try {
    if (kind !== 'x509' && kind !== 'oauth') await upstream?.publish([...(await store.list()), authority])
    await store.add(authority)
  } catch (error) {
    await keyManager.deleteKey(authority.keyName)
    throw error
  }
  return authority
}
