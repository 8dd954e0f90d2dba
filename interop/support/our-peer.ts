import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisUser } from './client-entries.ts'
import type { SuiteContext } from './interop-suite.ts'
import { hasExited } from './processes.ts'
import type { InteropTrustDomain } from './trust-domain.ts'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('programs/peer.ts', import.meta.url))

/** A service with our sdk that speaks mutual TLS with a foreign client. See `programs/peer.ts`. */
export interface OurPeer {
  readonly spiffeId: string
  /** Lets the client in. */
  readonly openPort: number
  /** Lets everybody else in. */
  readonly closedPort: number
}

/** @param clientId identity of the foreign client */
export async function startOurPeer(
  { processes, temporaryFolder }: Pick<SuiteContext, 'processes' | 'temporaryFolder'>,
  domain: InteropTrustDomain,
  clientId: string,
): Promise<OurPeer> {
  const spiffeId = `spiffe://${domain.name}/our/peer`
  await domain.register({
    spiffeId,
    selectors: [{ type: 'unix', value: `script:path:${PROGRAM}` }, thisUser()],
  })
  const logFile = join(temporaryFolder, 'our-peer.log')
  const env = { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
  const peer = processes.start(process.execPath, [PROGRAM, clientId, `spiffe://${domain.name}/somebody/else`], {
    env,
    logFile,
  })
  return until(async () => {
    const log = await readFile(logFile, 'utf8').catch(() => '')
    const ports = log.match(/^\{"open":(\d+),"closed":(\d+)\}$/m)
    if (ports !== null) return { spiffeId, openPort: Number(ports[1]), closedPort: Number(ports[2]) }
    if (hasExited(peer)) throw new Error(`our peer ended: ${log}`)
    return undefined
  }, 'our peer')
}
