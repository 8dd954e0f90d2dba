import { copyFile, mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Peer, Peers } from '../spire/peers.ts'
import { startSpireAgent } from '../spire/spire-agent.ts'
import { buildSpire } from '../spire/spire-build.ts'
import { SpireServer, tailOf } from '../spire/spire-server.ts'
import { until } from '../spire/until.ts'
import { missingProgram } from '../support/debian-package.ts'
import { freePort } from '../support/free-port.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { checkCertificates } from './certificates.ts'
import { checkOutage } from './outage.ts'
import { checkRootRotation } from './root-rotation.ts'
import type { Scene } from './scene.ts'
import { checkSharedBundle } from './shared-bundle.ts'
import { checkTraffic } from './traffic.ts'

const TRUST_DOMAIN = 'shared.example'
const COMMAND = fileURLToPath(new URL('../../packages/cli/bin/countersign.js', import.meta.url))
const SDK_PROGRAM = fileURLToPath(new URL('../spire/programs/peer.ts', import.meta.url))
const SVID_TTL_SECONDS = 60
const PATIENCE_MS = 60_000

/** A real SPIRE server signs the CA of ours: one trust domain, workloads of both. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    const openssl = await missingProgram(processes, 'openssl', ['version'], 'openssl')
    if (openssl !== undefined) return openssl
    const built = await buildSpire(processes)
    return 'missing' in built ? built.missing : undefined
  },

  async run(context) {
    const { processes, report } = context
    const binaries = await buildSpire(processes)
    if ('missing' in binaries) throw new Error(binaries.missing)
    const folder = join(await realpath(context.temporaryFolder), 'upstream-spire')
    await mkdir(folder, { mode: 0o700 })
    const spire = new SpireServer(processes, {
      binary: binaries.server,
      folder: join(folder, 'server'),
      trustDomain: TRUST_DOMAIN,
      port: await freePort(),
      bundlePort: await freePort(),
      webRootsFile: '/dev/null',
    })
    await spire.start({ profile: 'https_spiffe' })
    const agent = await startSpireAgent(processes, binaries.agent, join(folder, 'agent'), spire)

    // A Node of its own for SPIRE's workload: our server is a Node, too, and must be told from it.
    const serverNode = await realpath(process.execPath)
    const workloadNode = join(folder, 'workload-node')
    await copyFile(serverNode, workloadNode)
    const register = (path: string, program: string, ...more: string[]) =>
      spire.command(
        ...['entry', 'create', '-parentID', agent.parentId, '-spiffeID', `spiffe://${TRUST_DOMAIN}${path}`],
        ...['-selector', `unix:path:${program}`, ...more],
      )
    await register('/countersign', serverNode, '-downstream')
    const onSpire: Peer[] = [
      peer("sdk on SPIRE's agent", 'sdk', '/spire-sdk', [workloadNode, SDK_PROGRAM], agent.endpointSocket),
      peer("go-spiffe on SPIRE's agent", 'go-spiffe', '/spire-go', [binaries.peer], agent.endpointSocket),
    ]
    const ttl = ['-x509SVIDTTL', String(SVID_TTL_SECONDS), '-jwtSVIDTTL', String(SVID_TTL_SECONDS)]
    await register('/spire-sdk', workloadNode, ...ttl)
    await register('/spire-go', binaries.peer, ...ttl)

    // As an operator would: the server is started when its agent knows it.
    const fetch = [COMMAND, 'x509', 'fetch', '--socket', agent.endpointSocket]
    await until('identity of our server', PATIENCE_MS, async () => {
      const { exitCode } = await processes.run(serverNode, fetch, { timeoutMs: PATIENCE_MS })
      return exitCode === 0 || undefined
    })

    const failedBefore = report.failed
    try {
      const ours = await context.startTrustDomain(TRUST_DOMAIN, {
        server: {
          bundle: { refreshHint: 1 },
          svids: { x509Ttl: SVID_TTL_SECONDS, jwtTtl: SVID_TTL_SECONDS, witTtl: SVID_TTL_SECONDS },
          upstreamAuthority: {
            name: 'spire',
            config: { serverAddress: `127.0.0.1:${spire.port}`, workloadApi: agent.endpointSocket },
          },
        },
      })
      const onOurs: Peer[] = [
        peer('sdk on our agent', 'sdk', '/our-sdk', [serverNode, SDK_PROGRAM], ours.endpointSocket),
        peer('go-spiffe on our agent', 'go-spiffe', '/our-go', [binaries.peer], ours.endpointSocket),
      ]
      await ours.register({
        spiffeId: `spiffe://${TRUST_DOMAIN}/our-sdk`,
        selectors: [{ type: 'unix', value: `script:path:${SDK_PROGRAM}` }],
      })
      await ours.register({
        spiffeId: `spiffe://${TRUST_DOMAIN}/our-go`,
        selectors: [{ type: 'unix', value: `path:${binaries.peer}` }],
      })
      const peers = new Peers(processes, folder)
      const scene: Scene = { context, report, folder, ours, spire, spireAgent: agent, peers, onOurs, onSpire }
      await checkSharedBundle(scene)
      await checkCertificates(scene)
      await checkTraffic(scene, '')
      await checkRootRotation(scene)
      await checkTraffic(scene, ', under the new root')
      await checkOutage(scene)
    } finally {
      if (report.failed > failedBefore) console.log(`  log of SPIRE's server:\n${await tailOf(spire.logFile)}`)
    }
  },
}

function peer(
  name: string,
  program: Peer['program'],
  path: string,
  command: Peer['command'],
  endpointSocket: string,
): Peer {
  return { name, program, spiffeId: `spiffe://${TRUST_DOMAIN}${path}`, command, endpointSocket }
}
