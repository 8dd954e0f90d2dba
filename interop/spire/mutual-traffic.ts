import type { Answer, Peer } from './peers.ts'
import { check, type Scene } from './scene.ts'
import { until } from './until.ts'

/** Long enough for both sides to hear of each other's bundle by themselves. */
const PROPAGATION_PATIENCE_MS = 60_000

/**
 * Each workload of one side calls each of the other, both ways: mutual TLS, and within it a JWT-SVID that the called
 * one's agent has to validate.
 *
 * @param note ends the name of each check
 */
export async function checkMutualTraffic(
  scene: Scene,
  { onOurs, onSpire }: Pick<Scene, 'onOurs' | 'onSpire'>,
  note: string,
): Promise<void> {
  for (const [callers, services] of [
    [onOurs, onSpire],
    [onSpire, onOurs],
  ] as const) {
    for (const caller of callers) for (const service of services) await checkOneWay(scene, caller, service, note)
  }
}

async function checkOneWay(scene: Scene, caller: Peer, service: Peer, note: string): Promise<void> {
  await check(scene, `${caller.name} calls ${service.name}${note}`, async () => {
    const address = await scene.peers.serve(service, caller)
    let last: Answer = { ok: false }
    await until('an answer', PROPAGATION_PATIENCE_MS, async () => {
      last = await scene.peers.ask(caller, address, service.spiffeId)
      return last.ok || undefined
    }).catch((error: Error) => {
      throw new Error(`${error.message}: ${last.error}`)
    })
    const ok = last.tls === caller.spiffeId && last.jwt === caller.spiffeId
    return { ok, detail: `seen by certificate as ${last.tls}, by token as ${last.jwt}` }
  })
}
