import type { BundleDocument } from '@countersign/api'
import type { Partnership } from './partnership.ts'
import type { Answer, Peer } from './peers.ts'
import { check, type Scene } from './scene.ts'
import { until } from './until.ts'

const PATIENCE_MS = 60_000

/** A program that calls tells why it does not go on; of a service that refuses, a caller sees the connection end. */
const BY_SERVICE = /ECONNRESET|socket hang up|EPIPE|ERR_SSL_\S*ALERT|remote error: tls|: EOF|connection reset/
/** The agent may have told the service of the tokens' keys before it told it of the certificates' roots. */
const BY_SERVICE_OR_ITS_AGENT = new RegExp(`${BY_SERVICE.source}|service answered 401: .*trust domain`)
const WRONG_PEER = { sdk: /ERR_CERTIFICATE_UNEXPECTED_PEER/, 'go-spiffe': /unexpected ID/ }
const NO_TRUST = { sdk: /ERR_CERTIFICATE_TRUST_DOMAIN_UNKNOWN/, 'go-spiffe': /no X\.509 bundle/ }

/** Our sdk on one side, go-spiffe on the other: nobody judges by the same code. */
function couple(scene: Scene): readonly [Peer, Peer] {
  return [scene.onOurs[0], scene.onSpire[1]] as [Peer, Peer]
}

/** A caller that wants another workload, and a service that wants another caller: nobody is let in for being known. */
export async function checkWrongPeers(scene: Scene): Promise<void> {
  const [ours, theirs] = couple(scene)
  const stranger = (peer: Peer) => ({ ...peer, spiffeId: `${peer.spiffeId}/other` })
  for (const [caller, service] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    await check(scene, `${caller.name} refuses a service that is another than it wants`, async () => {
      const address = await scene.peers.serve(service, caller)
      return refused(await scene.peers.ask(caller, address, stranger(service).spiffeId), WRONG_PEER[caller.program])
    })
    await check(scene, `${service.name} refuses a caller that is another than it wants`, async () => {
      const address = await scene.peers.serve(service, stranger(caller))
      return refused(await scene.peers.ask(caller, address, service.spiffeId), BY_SERVICE)
    })
  }
}

/** One operator takes the trust back and gives it again, then the other takes it: each time calls stop by themselves. */
export async function checkWithdrawal(scene: Scene, partnership: Partnership): Promise<void> {
  const [ours, theirs] = couple(scene)
  const theirAddress = await scene.peers.serve(theirs, ours)
  const ourAddress = await scene.peers.serve(ours, theirs)
  const toTheirs = () => scene.peers.ask(ours, theirAddress, theirs.spiffeId)
  const toOurs = () => scene.peers.ask(theirs, ourAddress, ours.spiffeId)

  await check(scene, 'both sides talk before trust is withdrawn', () => bothTalk(toTheirs, toOurs))
  await check(scene, 'withdrawn on our side: our caller refuses the service', async () => {
    await partnership.endOnOurs()
    return refused(await untilRefused(toTheirs), NO_TRUST[ours.program])
  })
  await check(scene, 'withdrawn on our side: our service refuses the caller', async () =>
    refused(await untilRefused(toOurs), BY_SERVICE_OR_ITS_AGENT),
  )
  await check(scene, 'given again on our side: both sides talk', async () => {
    await partnership.createOnOurs(partnership.spireSpiffeEndpoint(), {
      bundle: (await scene.spire.bundle()) as BundleDocument,
    })
    return bothTalk(toTheirs, toOurs)
  })
  await check(scene, "withdrawn on SPIRE's side: its caller refuses our service", async () => {
    await partnership.endOnSpire()
    return refused(await untilRefused(toOurs), NO_TRUST[theirs.program])
  })
  await check(scene, "withdrawn on SPIRE's side: its service refuses our caller", async () =>
    refused(await untilRefused(toTheirs), BY_SERVICE_OR_ITS_AGENT),
  )
}

async function bothTalk(...asks: readonly (() => Promise<Answer>)[]): Promise<{ ok: boolean; detail: string }> {
  for (const ask of asks) {
    await until('an answer', PATIENCE_MS, async () => ((await ask()).ok ? true : undefined))
  }
  return { ok: true, detail: 'answered in both directions' }
}

function untilRefused(ask: () => Promise<Answer>): Promise<Answer> {
  return until('a refusal', PATIENCE_MS, async () => {
    const answer = await ask()
    return answer.ok ? undefined : answer
  })
}

/** A refusal for another reason proves nothing. */
function refused({ ok, error = '' }: Answer, reason: RegExp): { ok: boolean; detail: string } {
  return { ok: !ok && reason.test(error), detail: ok ? 'was let in' : error }
}
