import { countKeys, type Partnership } from './partnership.ts'
import type { Answer, Peer, Questions } from './peers.ts'
import { check, type Scene } from './scene.ts'
import { until } from './until.ts'

/** Our authorities live two minutes in this suite, so a successor signs at the latest after that. */
const ROTATION_PATIENCE_MS = 180_000
const ASK_EVERY_MS = 500

interface LocalAuthority {
  readonly authority_id: string
}

/**
 * Both sides replace what they sign with while workloads of both call each other without a pause: each call is a new
 * handshake and a new token, none may fail, and nobody but SPIRE's operator does anything.
 */
export async function checkRotation(scene: Scene, partnership: Partnership): Promise<void> {
  const [ours, theirs] = [scene.onOurs[0], scene.onSpire[1]] as [Peer, Peer]
  const { peers } = scene
  const toSpire = peers.keepAsking(ours, await peers.serve(theirs, ours), theirs, ASK_EVERY_MS)
  const toOurs = peers.keepAsking(theirs, await peers.serve(ours, theirs), ours, ASK_EVERY_MS)

  await check(scene, "SPIRE's new X.509 authority reaches our server before it signs", async () => {
    const { old, next } = await prepare(scene, 'x509')
    await untilKeys(() => partnership.spireBundleOnOurs(), 'x509-svid', 2)
    await scene.spire.command('localauthority', 'x509', 'activate', '-authorityID', next)
    return { ok: true, detail: `${old} is followed by ${next}` }
  })
  await check(scene, "SPIRE's new JWT authority reaches our server before it signs", async () => {
    const { old, next } = await prepare(scene, 'jwt')
    await untilKeys(() => partnership.spireBundleOnOurs(), 'jwt-svid', 2)
    await scene.spire.command('localauthority', 'jwt', 'activate', '-authorityID', next)
    return { ok: true, detail: `${old} is followed by ${next}` }
  })
  await check(scene, 'our workload meets certificates of both X.509 authorities of SPIRE', () =>
    changed(toSpire, ({ authority }) => authority),
  )
  await check(scene, "our agent validates tokens of both of SPIRE's JWT keys", () => changed(toOurs, ({ key }) => key))
  await check(scene, "SPIRE's workload meets certificates of two X.509 authorities of ours", () =>
    changed(toOurs, ({ authority }) => authority),
  )
  await check(scene, "SPIRE's agent validates tokens of two of our JWT keys", () => changed(toSpire, ({ key }) => key))
  await check(scene, 'an authority that SPIRE revokes leaves our server too', async () => {
    const old = await oldAuthority(scene)
    for (const verb of ['taint', 'revoke']) {
      await scene.spire.command('localauthority', 'x509', verb, '-authorityID', old)
    }
    await untilKeys(() => partnership.spireBundleOnOurs(), 'x509-svid', 1)
    return { ok: true, detail: `${old} is gone` }
  })
  for (const [name, questions] of [
    ["calls of our workload to SPIRE's", toSpire],
    ["calls of SPIRE's workload to ours", toOurs],
  ] as const) {
    await check(scene, `${name} all went through`, () => noneFailed(questions))
  }
}

async function prepare({ spire }: Scene, kind: 'x509' | 'jwt'): Promise<{ old: string; next: string }> {
  const show = await spire.command('localauthority', kind, 'show', '-output', 'json')
  const { active } = JSON.parse(show) as { active: LocalAuthority }
  const prepared = await spire.command('localauthority', kind, 'prepare', '-output', 'json')
  const { prepared_authority: next } = JSON.parse(prepared) as { prepared_authority: LocalAuthority }
  return { old: active.authority_id, next: next.authority_id }
}

async function oldAuthority({ spire }: Scene): Promise<string> {
  const { old } = JSON.parse(await spire.command('localauthority', 'x509', 'show', '-output', 'json')) as {
    old?: LocalAuthority
  }
  if (old === undefined) throw new Error('SPIRE has no former X.509 authority')
  return old.authority_id
}

async function untilKeys(
  bundle: () => Promise<{ keys: readonly object[] }>,
  use: string,
  count: number,
): Promise<void> {
  await until(`a bundle with ${count} keys for ${use}`, ROTATION_PATIENCE_MS, async () =>
    countKeys(await bundle(), use) === count ? true : undefined,
  )
}

async function changed(
  questions: Questions,
  read: (answer: Answer) => string | undefined,
): Promise<{ ok: boolean; detail: string }> {
  const signers = await until('a second signer', ROTATION_PATIENCE_MS, async () => {
    const seen = new Set((await questions.answers()).flatMap((answer) => read(answer) ?? []))
    return seen.size > 1 ? seen : undefined
  })
  return { ok: true, detail: `${signers.size} signers, no step by anybody between them` }
}

async function noneFailed(questions: Questions): Promise<{ ok: boolean; detail: string }> {
  const answers = await questions.answers()
  const failed = answers.filter(({ ok }) => !ok)
  const ok = answers.length > 0 && failed.length === 0
  return { ok, detail: `${answers.length} calls, ${failed.length} failed${ok ? '' : `: ${failed[0]?.error}`}` }
}
