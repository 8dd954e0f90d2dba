import { copyFile, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { registerClient } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { MovingPartner } from '../support/moving-partner.ts'
import { startOurPeer } from '../support/our-peer.ts'
import { PythonEnvironment } from '../support/python-environment.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const PROGRAM = join(FOLDER, 'main.py')
const SHARED = fileURLToPath(new URL('../support/python', import.meta.url))
const TRUST_DOMAIN = 'interop.example'
const PARTNER = 'partner.example'
const SPIFFE_ID = `spiffe://${TRUST_DOMAIN}/python/client`
const CLIENT_TIMEOUT_MS = 150_000

const environment = () => PythonEnvironment.of('py-spiffe', join(FOLDER, 'requirements.txt'))

/** A client written with py-spiffe, and with it a gRPC client of the C core. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    return (await environment()).missing(processes)
  },

  async run(context) {
    const python = await realpath((await environment()).python)
    const domain = await context.startTrustDomain(TRUST_DOMAIN)
    const partner = await MovingPartner.start(domain, PARTNER)
    await registerClient(domain, SPIFFE_ID, { type: 'unix', value: `path:${python}` }, PARTNER)
    const peer = await startOurPeer(context, domain, SPIFFE_ID)
    const run = (command: string, ...args: string[]) =>
      runForeignClient(context, {
        command,
        args: ['-B', PROGRAM, '--id', SPIFFE_ID, ...args],
        env: { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket, PYTHONPATH: SHARED },
        timeoutMs: CLIENT_TIMEOUT_MS,
      })
    const ports = ['--peer-open', `${peer.openPort}`, '--peer-closed', `${peer.closedPort}`]
    await run(python, '--partner', PARTNER, '--peer-id', peer.spiffeId, ...ports)
    await partner.stop()

    // The same interpreter, packages and script; only the interpreter's name is another.
    const stranger = join(dirname(python), 'stranger')
    await copyFile(python, stranger)
    await run(stranger, '--unregistered')
  },
}
