import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import type { Peer } from './peers.ts'
import { check, type Scene } from './scene.ts'
import { type Program, type Stage, SVID_TTL_SECONDS } from './set-scene.ts'
import { startSpireAgent } from './spire-agent.ts'

/**
 * Each side names the other in its entries while the other's endpoint is away, and its workloads get their identities all
 * the same. Then both meet by `https_web`.
 */
export async function checkBeginnings(stage: Stage): Promise<Scene> {
  const { context, ours, spire, partnership, peers, programs, webCertificate, binaries } = stage
  const onOurs = programs.map((program) => peerOf(program, 'ours', ours.name, ours.endpointSocket))
  await check(
    context,
    'our entries name SPIRE before there is one, and our workloads get their identities',
    async () => {
      const federation = await partnership.createOnOurs(
        { url: spire.bundleEndpointUrl },
        { webRoots: webCertificate.pem },
      )
      for (const [index, { selectors }] of programs.entries()) {
        await ours.register({ spiffeId: onOurs[index]?.spiffeId ?? '', selectors, federatesWith: [spire.trustDomain] })
      }
      for (const peer of onOurs) await peers.serve(peer, peer)
      return { ok: true, detail: `${federation.trustDomain} at ${federation.bundleEndpointUrl}` }
    },
  )

  await spire.start({ profile: 'https_web', ...webCertificate })
  const agent = await startSpireAgent(context.processes, binaries.agent, join(stage.folder, 'agent'), spire)
  const onSpire = programs.map((program) => peerOf(program, 'SPIRE', spire.trustDomain, agent.endpointSocket))
  await check(
    context,
    "SPIRE's entries name our domain while our endpoint is away, and so do its workloads",
    async () => {
      const nobody = `https://127.0.0.1:${await freePort()}/bundle`
      await partnership.createOnSpire({ url: nobody })
      for (const [index, { spireSelector }] of programs.entries()) {
        const entry = [
          '-parentID',
          agent.parentId,
          '-spiffeID',
          onSpire[index]?.spiffeId ?? '',
          '-selector',
          spireSelector,
        ]
        const lifetimes = ['-x509SVIDTTL', String(SVID_TTL_SECONDS), '-jwtSVIDTTL', String(SVID_TTL_SECONDS)]
        const foreign = ['-federatesWith', `spiffe://${ours.name}`]
        await spire.command('entry', 'create', ...entry, ...lifetimes, ...foreign)
      }
      for (const peer of onSpire) await peers.serve(peer, peer)
      return { ok: true, detail: `nobody answers at ${nobody}` }
    },
  )
  await check(context, 'SPIRE takes our bundle by https_web', async () => {
    await partnership.changeOnSpire({ url: ours.bundleEndpointUrl })
    return sameKeys(await partnership.ourBundle(), await partnership.ourBundleOnSpire())
  })
  await check(context, "our server takes SPIRE's bundle by https_web", async () => {
    const { lastError } = await ours.admin<{ lastError?: { code: string } }>(
      'POST',
      `/v1/federations/${spire.trustDomain}/refresh`,
    )
    if (lastError !== undefined) return { ok: false, detail: lastError.code }
    return sameKeys(await spire.bundle(), await partnership.spireBundleOnOurs())
  })
  return { report: context.report, ours, spire, spireAgent: agent, peers, onOurs, onSpire }
}

function peerOf({ name, command }: Program, side: string, trustDomain: string, endpointSocket: string): Peer {
  return {
    name: `${name} on ${side === 'ours' ? 'our agent' : "SPIRE's agent"}`,
    program: name,
    spiffeId: `spiffe://${trustDomain}/${name}`,
    command,
    endpointSocket,
  }
}

/** Whether both bundles hold the same keys of X509-SVIDs and JWT-SVIDs. SPIRE does not show those of WIT-SVIDs. */
export function sameKeys(
  stated: { readonly keys: readonly object[] },
  known: { readonly keys: readonly object[] },
): { ok: boolean; detail: string } {
  const [one, other] = [stated, known].map(({ keys }) => {
    const names = keys.map(nameOf)
    return names.filter((name) => !name.startsWith('wit-svid ')).sort()
  })
  const ok = one !== undefined && one.length > 0 && JSON.stringify(one) === JSON.stringify(other)
  return { ok, detail: ok ? `${one.length} keys` : `${one} is not ${other}` }
}

function nameOf(key: object): string {
  const { use, kid, x5c, x } = key as { use?: string; kid?: string; x5c?: string[]; x?: string }
  return `${use} ${kid ?? ''} ${x5c?.[0]?.slice(-12) ?? x?.slice(0, 12)}`
}
