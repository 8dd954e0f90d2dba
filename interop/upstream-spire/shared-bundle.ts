import type { AuthorityList, TrustDomainBundle } from '@countersign/api'
import { sameKeys } from '../spire/beginnings.ts'
import { check } from '../spire/scene.ts'
import { until } from '../spire/until.ts'
import type { Scene } from './scene.ts'

const PATIENCE_MS = 30_000

export const ourBundle = async ({ ours }: Scene) =>
  (await ours.admin<TrustDomainBundle>('GET', `/v1/bundles/${ours.name}`)).bundle
export const ourAuthorities = ({ ours }: Scene) => ours.admin<AuthorityList>('GET', '/v1/authorities')

/** Both servers state one bundle: SPIRE's root, and the token keys of both. */
export async function checkSharedBundle(scene: Scene): Promise<void> {
  await check(scene, "SPIRE's root is above our CA", async () => {
    const { authorities, upstream } = await ourAuthorities(scene)
    const active = authorities.find(({ kind, state }) => kind === 'x509' && state === 'active')
    const ok = active?.root !== undefined && upstream?.lastError === undefined
    return { ok, detail: `${active?.root?.subject} ${upstream?.lastError?.code ?? ''}` }
  })
  await check(scene, 'both servers state the same roots and keys of JWT-SVIDs, ours among them', async () => {
    let last = { ok: false, detail: '' }
    await until('one bundle', PATIENCE_MS, async () => {
      last = sameKeys(await scene.spire.bundle(), await ourBundle(scene))
      return last.ok || undefined
    }).catch(() => {})
    const { authorities } = await ourAuthorities(scene)
    const jwt = authorities.find(({ kind, state }) => kind === 'jwt' && state === 'active')
    const { keys } = await scene.spire.bundle()
    const isThere = keys.some(({ kid }) => kid === jwt?.id)
    return { ok: last.ok && isThere, detail: `${last.detail}, ${jwt?.id} ${isThere ? 'is' : 'is not'} in SPIRE's` }
  })
}
