import { copyFile, cp, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerClient } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { MavenProject } from '../support/maven-project.ts'
import { MovingPartner } from '../support/moving-partner.ts'
import { startOurPeer } from '../support/our-peer.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const PARTNER = 'partner.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/java/client`
const CLIENT_TIMEOUT_MS = 150_000

const project = () => MavenProject.of('java-spiffe', FOLDER)

/**
 * A client written with java-spiffe, and with it grpc-java, whose `:authority` on a Unix socket is the socket's path.
 * It runs from a jar, so the agent tells it from other Java programs by its script.
 */
export const suite: InteropSuite = {
  async missing({ processes }) {
    return (await project()).missing(processes)
  },

  async run(context) {
    const jar = await realpath((await project()).jar)
    const domain = await context.startTrustDomain(TRUST_DOMAIN)
    const partner = await MovingPartner.start(domain, PARTNER)
    await registerClient(domain, SPIFFE_ID, { type: 'unix', value: `script:path:${jar}` }, PARTNER)
    const peer = await startOurPeer(context, domain, SPIFFE_ID)
    const run = (program: string, ...args: string[]) =>
      runForeignClient(context, {
        command: 'java',
        args: ['-jar', program, `id=${SPIFFE_ID}`, ...args],
        env: { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket },
        timeoutMs: CLIENT_TIMEOUT_MS,
      })
    const ports = [`peer-open=${peer.openPort}`, `peer-closed=${peer.closedPort}`]
    await run(jar, `partner=${PARTNER}`, `peer-id=${peer.spiffeId}`, ...ports)
    await partner.stop()

    // The same bytes under another path are another program.
    const stranger = join(context.temporaryFolder, 'stranger.jar')
    await copyFile(jar, stranger)
    await cp(join(jar, '../lib'), join(context.temporaryFolder, 'lib'), { recursive: true })
    await run(stranger, 'unregistered=yes')
  },
}
