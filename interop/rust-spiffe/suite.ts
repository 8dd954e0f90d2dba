import { copyFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CargoProject } from '../support/cargo-project.ts'
import { registerClient } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { MovingPartner } from '../support/moving-partner.ts'
import { startOurPeer } from '../support/our-peer.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const PARTNER = 'partner.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/rust/client`
const CLIENT_TIMEOUT_MS = 150_000
const RUST = [1, 88] as const

const project = new CargoProject('rust-spiffe', FOLDER)

/** A client written with the crates `spiffe` and `spiffe-rustls`, and with them tonic and rustls. */
export const suite: InteropSuite = {
  missing: ({ processes }) => project.missing(processes, RUST),

  async run(context) {
    const { processes, temporaryFolder, startTrustDomain } = context
    const folder = await realpath(temporaryFolder)
    const built = await project.build(processes, 'rust-spiffe-client')
    const client = join(folder, 'rust-spiffe-client')
    await copyFile(built, client)
    const domain = await startTrustDomain(TRUST_DOMAIN)
    const partner = await MovingPartner.start(domain, PARTNER)
    await registerClient(domain, SPIFFE_ID, { type: 'unix', value: `path:${client}` }, PARTNER)
    const peer = await startOurPeer(context, domain, SPIFFE_ID)
    const env = { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
    const run = (command: string, ...args: string[]) =>
      runForeignClient(context, { command, args: [SPIFFE_ID, ...args], env, timeoutMs: CLIENT_TIMEOUT_MS })
    await run(client, peer.spiffeId, `${peer.openPort}`, `${peer.closedPort}`)
    await partner.stop()

    // The same bytes under another path are another program.
    const stranger = join(folder, 'rust-spiffe-stranger')
    await copyFile(client, stranger)
    await run(stranger)
  },
}
