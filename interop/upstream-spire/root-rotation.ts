import { check } from '../spire/scene.ts'
import { until } from '../spire/until.ts'
import type { Scene } from './scene.ts'
import { ourAuthorities, ourBundle } from './shared-bundle.ts'

const PATIENCE_MS = 120_000

/** SPIRE's operator replaces, taints and revokes the root above us; nobody does anything at our side. */
export async function checkRootRotation(scene: Scene): Promise<void> {
  const { spire } = scene
  const activeOf = async () =>
    (await ourAuthorities(scene)).authorities.find(({ kind, state }) => kind === 'x509' && state === 'active')
  const roots = async () => (await ourBundle(scene)).keys.filter(({ use }) => use === 'x509-svid').length
  const first = await activeOf()
  const local = async (...words: string[]) =>
    JSON.parse(await spire.command('localauthority', 'x509', ...words, '-output', 'json'))
  let old = ''

  await check(scene, "SPIRE's next root is published by our server before it signs", async () => {
    old = (await local('show')).active.authority_id
    const { authority_id: next } = (await local('prepare')).prepared_authority
    await until('second root', PATIENCE_MS, async () => (await roots()) === 2 || undefined)
    await local('activate', '-authorityID', next)
    return { ok: true, detail: `${old} is followed by ${next}` }
  })
  await check(scene, 'a root that SPIRE taints has our CA replaced, and all it signed', async () => {
    await local('taint', '-authorityID', old)
    const active = await until('another CA', PATIENCE_MS, async () => {
      const now = await activeOf()
      return now !== undefined && now.id !== first?.id ? now : undefined
    })
    await until('nothing left of the old CA', PATIENCE_MS, async () => {
      const tainted = (await ourAuthorities(scene)).authorities.find(({ id }) => id === first?.id)
      return (tainted?.taint !== undefined && tainted.taint.waiting === 0) || undefined
    })
    const ok = active.root?.fingerprint !== first?.root?.fingerprint
    return {
      ok,
      detail: `${first?.id} is followed by ${active.id}, ${ok ? 'under another root' : 'under the same root'}`,
    }
  })
  await check(scene, 'a root that SPIRE revokes leaves our bundle, and what was below it is revoked', async () => {
    await local('revoke', '-authorityID', old)
    await until('one root', PATIENCE_MS, async () => (await roots()) === 1 || undefined)
    const state = await until('revoked CA', PATIENCE_MS, async () => {
      const found = (await ourAuthorities(scene)).authorities.find(({ id }) => id === first?.id)
      return found === undefined || found.state === 'revoked' ? (found?.state ?? 'gone') : undefined
    })
    return { ok: true, detail: `${first?.id} is ${state}` }
  })
}
