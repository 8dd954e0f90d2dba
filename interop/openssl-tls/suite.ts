import { connect } from '@countersign/sdk'
import type { InteropSuite } from '../support/interop-suite.ts'
import { forgeIdentity, writeIdentity } from './identities.ts'
import { checkOurClient } from './our-client.ts'
import { checkOurServer } from './our-server.ts'

const TRUST_DOMAIN = 'interop.example'
const OURS = `spiffe://${TRUST_DOMAIN}/tls/ours`
const THEIRS = `spiffe://${TRUST_DOMAIN}/tls/theirs`
const VERSION_TIMEOUT_MS = 10_000

/** Mutual TLS of the sdk with identities of a real agent, against the `openssl` command and curl, in both directions. */
export const suite: InteropSuite = {
  async missing({ processes }) {
    for (const [command, option] of [
      ['openssl', 'version'],
      ['curl', '--version'],
    ] as const) {
      try {
        const { exitCode } = await processes.run(command, [option], { timeoutMs: VERSION_TIMEOUT_MS })
        if (exitCode !== 0) return `no ${command} command`
      } catch {
        return `no ${command} command`
      }
    }
    return undefined
  },

  async run(context) {
    const { endpointSocket, register } = await context.startTrustDomain(TRUST_DOMAIN)
    // This process holds both identities, and lends the second to the commands it starts.
    const selectors = [{ type: 'unix', value: `uid:${process.getuid?.() ?? 0}` }]
    await register({ spiffeId: OURS, selectors, dnsNames: ['localhost'] })
    await using workload = await connect({ address: endpointSocket })
    await workload.mutualTls()
    await register({ spiffeId: THEIRS, selectors, dnsNames: ['localhost'] })
    const given = await writeIdentity(endpointSocket, THEIRS, context.temporaryFolder)
    const forged = await forgeIdentity(context.processes, THEIRS, context.temporaryFolder)
    const clients = { roots: given.roots, given, forged }
    await checkOurServer(context, workload, clients)
    await checkOurClient(context, workload, THEIRS, clients)
  },
}
