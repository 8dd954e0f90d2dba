import { existsSync } from 'node:fs'
import { copyFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerClient } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import { buildGo, missingGo } from '../support/go-toolchain.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { MovingPartner } from '../support/moving-partner.ts'
import { startOurPeer } from '../support/our-peer.ts'
import { until } from '../support/until.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const PARTNER = 'partner.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/go/client`
const LATECOMER_ID = `spiffe://${TRUST_DOMAIN}/go/latecomer`
const CLIENT_TIMEOUT_MS = 150_000

/** A client written with go-spiffe against our Workload API and bundle endpoint. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingGo(processes, FOLDER),

  async run(context) {
    const { processes, temporaryFolder, startTrustDomain } = context
    const client = join(await realpath(temporaryFolder), 'go-spiffe-client')
    await buildGo(processes, FOLDER, client)
    const domain = await startTrustDomain(TRUST_DOMAIN)
    const partner = await MovingPartner.start(domain, PARTNER)
    const program = { type: 'unix', value: `path:${client}` }
    await registerClient(domain, SPIFFE_ID, program, PARTNER)
    const peer = await startOurPeer(context, domain, SPIFFE_ID)
    const run = (command: string, ...args: string[]) =>
      runForeignClient(context, {
        command,
        args,
        env: { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket },
        timeoutMs: CLIENT_TIMEOUT_MS,
      })
    await run(
      client,
      ...['-id', SPIFFE_ID, '-partner', PARTNER],
      ...['-bundle-url', domain.bundleEndpointUrl, '-bundle-root', domain.publicRootFile],
      ...['-spiffe-bundle-url', domain.spiffeBundleEndpointUrl],
      ...['-peer-id', peer.spiffeId, '-peer-open', `${peer.openPort}`, '-peer-closed', `${peer.closedPort}`],
    )
    await partner.stop()

    // The same bytes under another path are another program.
    const stranger = join(temporaryFolder, 'go-spiffe-stranger')
    await copyFile(client, stranger)
    await run(stranger, '-id', SPIFFE_ID, '-unregistered')

    const latecomer = join(await realpath(temporaryFolder), 'go-spiffe-latecomer')
    await copyFile(client, latecomer)
    const denied = join(temporaryFolder, 'denied')
    const late = run(latecomer, '-id', LATECOMER_ID, '-latecomer', denied)
    // A client that fails makes no file: then it is the first to end.
    await Promise.race([late, until(async () => existsSync(denied), 'the first denial')])
    await domain.register({ spiffeId: LATECOMER_ID, selectors: [{ type: 'unix', value: `path:${latecomer}` }] })
    await late
  },
}
