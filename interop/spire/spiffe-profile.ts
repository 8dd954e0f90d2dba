import { sameKeys } from './beginnings.ts'
import { check, type Scene } from './scene.ts'
import type { Stage } from './set-scene.ts'

/** Both sides turn to `https_spiffe`: each endpoint proves itself by an X509-SVID, and only by the one that was meant. */
export async function checkSpiffeProfile(stage: Stage, scene: Scene): Promise<void> {
  const { ours, spire, partnership } = stage
  // SPIRE serves by one profile at a time. Its data stays, and so do our workloads' identities meanwhile.
  await spire.stop()
  await spire.start({ profile: 'https_spiffe' })
  const endpoint = partnership.spireSpiffeEndpoint()

  await check(scene, 'our server refuses an endpoint of SPIRE that is another identity than configured', async () => {
    const wrong = `spiffe://${spire.trustDomain}/spire/other`
    const { lastError } = await partnership.changeOnOurs({ ...endpoint, spiffeId: wrong })
    return { ok: lastError?.code === 'ERR_FEDERATION_IDENTITY', detail: lastError?.code ?? 'was accepted' }
  })
  await check(scene, "our server takes SPIRE's bundle by https_spiffe", async () => {
    const { lastError } = await partnership.changeOnOurs(endpoint)
    if (lastError !== undefined) return { ok: false, detail: lastError.code }
    return sameKeys(await spire.bundle(), await partnership.spireBundleOnOurs())
  })

  const ourEndpoint = partnership.ourSpiffeEndpoint()
  await check(scene, 'SPIRE refuses an endpoint of ours that is another identity than configured', async () => {
    const wrong = `spiffe://${ours.name}/countersign/other`
    const refusal = await partnership.changeOnSpire({ ...ourEndpoint, spiffeId: wrong }).then(
      () => undefined,
      (error: Error) => error.message,
    )
    return { ok: refusal?.includes('unexpected ID') === true, detail: refusal ?? 'was accepted' }
  })
  await check(scene, 'SPIRE takes our bundle by https_spiffe', async () => {
    await partnership.changeOnSpire(ourEndpoint)
    return sameKeys(await partnership.ourBundle(), await partnership.ourBundleOnSpire())
  })
}
