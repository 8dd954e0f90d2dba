import { realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCheck } from '../support/check-report.ts'
import { buildGo, missingGo } from '../support/go-toolchain.ts'
import type { InteropSuite, SuiteContext } from '../support/interop-suite.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** The shortest a key of JWT-SVIDs can have: its successor signs after fifty seconds. */
const JWT_KEY_TTL_SECONDS = 60
const CLIENT_TIMEOUT_MS = 150_000

/** A relying party that has go-oidc, an issuer's address and nothing of ours. */
export const suite: InteropSuite = {
  missing: ({ processes }) => missingGo(processes, FOLDER),

  async run(context) {
    const client = join(await realpath(context.temporaryFolder), 'oidc-client')
    await buildGo(context.processes, FOLDER, client)
    const issuing = await startIssuer(context, 'issuer.example', client)
    const other = await startIssuer(context, 'other.example', client)
    await runClient(context, client, [
      ...['-issuer', issuing.issuer, '-root', issuing.trustDomain.publicRootFile, '-subject', issuing.spiffeId],
      ...['-socket', issuing.trustDomain.endpointSocket, '-other-socket', other.trustDomain.endpointSocket],
      ...['-other-issuer', other.issuer, '-other-root', other.trustDomain.publicRootFile],
    ])
  },
}

interface Issuer {
  readonly issuer: string
  readonly spiffeId: string
  readonly trustDomain: InteropTrustDomain
}

async function startIssuer(context: SuiteContext, name: string, client: string): Promise<Issuer> {
  const port = await freePort()
  const issuer = `https://localhost:${port}/workloads/${name}`
  const trustDomain = await context.startTrustDomain(name, {
    server: {
      public: { host: '127.0.0.1', port },
      authorities: { jwtTtl: JWT_KEY_TTL_SECONDS },
      svids: { jwtIssuer: issuer },
      bundle: { refreshHint: 1 },
    },
  })
  const spiffeId = `spiffe://${name}/relying/program`
  await trustDomain.register({ spiffeId, selectors: [{ type: 'unix', value: `path:${client}` }] })
  return { issuer, spiffeId, trustDomain }
}

async function runClient({ processes, report }: SuiteContext, client: string, args: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await processes.run(client, args, { timeoutMs: CLIENT_TIMEOUT_MS })
  const checks = stdout.split('\n').flatMap((line) => parseCheck(line) ?? [])
  for (const check of checks) report.add(check)
  if (checks.length === 0) throw new Error(`client reported nothing, exit status ${exitCode}: ${stderr.trim()}`)
  const expected = checks.every(({ ok }) => ok) ? 0 : 1
  if (exitCode !== expected)
    throw new Error(`client ended with ${exitCode}, its checks say ${expected}: ${stderr.trim()}`)
}

/** The issuer has to be known before the server listens. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
