import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { missingProgram } from '../support/debian-package.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { checkBeginnings } from './beginnings.ts'
import { checkConformance } from './conformance.ts'
import { checkMutualTraffic } from './mutual-traffic.ts'
import { checkWithdrawal, checkWrongPeers } from './refusals.ts'
import { checkRotation } from './rotation.ts'
import { type Stage, setScene } from './set-scene.ts'
import { checkSpiffeProfile } from './spiffe-profile.ts'
import { buildSpire } from './spire-build.ts'
import { tailOf } from './spire-server.ts'

/** A SPIRE server and agent as a federated neighbour of ours, in both directions and by both profiles. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const openssl = await missingProgram(processes, 'openssl', ['version'], 'openssl')
    if (openssl !== undefined) return openssl
    const built = await buildSpire(processes)
    return 'missing' in built ? built.missing : undefined
  },

  async run(context) {
    const binaries = await buildSpire(context.processes)
    if ('missing' in binaries) throw new Error(binaries.missing)
    const folder = join(await realpath(context.temporaryFolder), 'spire')
    await mkdir(folder, { mode: 0o700 })
    const stage = await setScene(context, binaries, folder)
    const failedBefore = context.report.failed
    try {
      await play(stage)
    } finally {
      if (context.report.failed > failedBefore)
        console.log(`  log of SPIRE's server:\n${await tailOf(stage.spire.logFile)}`)
    }
  },
}

async function play(stage: Stage): Promise<void> {
  const scene = await checkBeginnings(stage)
  await checkConformance(stage, scene)
  const couple = { onOurs: scene.onOurs.slice(0, 1), onSpire: scene.onSpire.slice(1) }
  await checkMutualTraffic(scene, couple, ', federated by https_web')
  await checkSpiffeProfile(stage, scene)
  await checkMutualTraffic(scene, scene, ', federated by https_spiffe')
  await checkWrongPeers(scene)
  await checkRotation(scene, stage.partnership)
  await checkWithdrawal(scene, stage.partnership)
}
