import { check } from '../spire/scene.ts'
import { until } from '../spire/until.ts'
import type { Scene } from './scene.ts'
import { ourAuthorities } from './shared-bundle.ts'

const PATIENCE_MS = 60_000

/** SPIRE's server is away: ours says so and goes on. */
export async function checkOutage(scene: Scene): Promise<void> {
  const { spire, ours, peers } = scene
  await spire.stop()
  await check(scene, 'while SPIRE is away our server says so, and its workloads go on', async () => {
    const error = await until('report of the outage', PATIENCE_MS, async () => {
      const { upstream } = await ourAuthorities(scene)
      return upstream?.lastError
    })
    const [caller, service] = scene.onOurs
    if (caller === undefined || service === undefined) throw new Error('no workloads')
    const answer = await peers.ask(caller, await peers.serve(service, caller), service.spiffeId)
    return { ok: answer.ok, detail: `${error.code}, and ${answer.tls ?? answer.error} was answered` }
  })
  await check(scene, 'a new CA is refused with the reason while SPIRE is away', async () => {
    const reason = await ours.admin('POST', '/v1/authorities/prepare', { kind: 'x509' }).then(
      () => 'it was signed',
      (error: Error) => error.message,
    )
    return { ok: reason.includes('ERR_UPSTREAM_AUTHORITY_UNREACHABLE'), detail: reason }
  })
}
