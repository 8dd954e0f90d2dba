import { checkMutualTraffic } from '../spire/mutual-traffic.ts'
import type { Scene } from './scene.ts'

/**
 * Workloads of both call each other by mutual TLS, and each validates the other's JWT-SVID with its own agent: one trust domain,
 * so nobody federates.
 *
 * @param note ends the name of each check
 */
export async function checkTraffic(scene: Scene, note: string): Promise<void> {
  const crosswise = [
    { onOurs: scene.onOurs.slice(0, 1), onSpire: scene.onSpire.slice(1) },
    { onOurs: scene.onOurs.slice(1), onSpire: scene.onSpire.slice(0, 1) },
  ]
  for (const couple of crosswise) await checkMutualTraffic(scene, couple, note)
}
