import { generateKeyPairSync, type webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisUser } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { startTokenService } from '../support/token-service.ts'
import { COMMAND } from '../support/trust-domain.ts'
import { CLUSTER, DOMAIN, ORDERS, PREFIX, rulesFor, type Scenario } from './scenario.ts'

/** Programs that are asked for, and `countersign exchange`. */
const CLIENTS = ['openid-client', 'oauth4webapi', 'sdk'] as const
const TIMEOUT_MS = 90_000

/**
 * OAuth clients of the npm registry as clients of the token service, each flow by each of them, and of a service of ours; and our
 * token sources at a service of theirs.
 */
export const suite: InteropSuite = {
  missing: async () => undefined,

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const [cluster, gateway, orders] = [rsaKey('cluster'), ecKey('gateway'), ecKey('orders')] as const
    const identities = [...CLIENTS, 'exchange'].map((client) => `spiffe://${DOMAIN}/${client}`)
    const { domain, issuer } = await startTokenService(context, DOMAIN, {
      rules: rulesFor(identities),
      tokenService: {
        dpopNonce: true,
        issuers: [
          {
            ...{ name: 'cluster', issuer: CLUSTER, profiles: ['service-account'], jwks: { keys: [cluster.publicJwk] } },
            subjectPrefix: PREFIX,
          },
        ],
        clients: [
          { id: 'gateway', jwks: { keys: [gateway.publicJwk] } },
          { id: 'orders', jwks: { keys: [orders.publicJwk] } },
        ],
      },
    })
    const scenario: Scenario = {
      issuer,
      clusterKey: cluster.privateJwk,
      gatewayKey: gateway.privateJwk,
      ordersKey: orders.privateJwk,
    }
    const scenarioFile = join(temporaryFolder, 'scenario.json')
    await writeFile(scenarioFile, JSON.stringify(scenario), { mode: 0o600 })
    for (const client of CLIENTS) {
      const program = fileURLToPath(new URL(`programs/${client}.ts`, import.meta.url))
      await domain.register({
        spiffeId: `spiffe://${DOMAIN}/${client}`,
        selectors: [{ type: 'unix', value: `script:path:${program}` }, thisUser()],
      })
      await runForeignClient(
        { processes, report },
        {
          command: process.execPath,
          args: [program, scenarioFile],
          env: { NODE_EXTRA_CA_CERTS: domain.publicRootFile, SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket },
          timeoutMs: TIMEOUT_MS,
        },
      )
    }
    await domain.register({
      spiffeId: `spiffe://${DOMAIN}/exchange`,
      selectors: [{ type: 'unix', value: `script:path:${COMMAND}` }, thisUser()],
    })
    const asked = ['--issuer', issuer, '--audience', ORDERS, '--scope', 'orders.read']
    const env = { NODE_EXTRA_CA_CERTS: domain.publicRootFile, SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
    const exchange = async (check: string, args: readonly string[], expected: RegExp) => {
      const command = [COMMAND, 'exchange', ...asked, ...args]
      const { stdout, stderr } = await processes.run(process.execPath, command, { env, timeoutMs: TIMEOUT_MS })
      const [said = ''] = expected.exec(stdout + stderr) ?? []
      report.add({ check: `countersign exchange: ${check}`, ok: said !== '', detail: said || stdout + stderr })
    }
    await exchange('by WIT', ['--claims'], /shown as +DPoP/)
    await exchange('by JWT-SVID', ['--authentication', 'jwt-svid', '--claims'], /shown as +Bearer/)
    await exchange('refused: a scope that no rule has', ['--scope', 'orders.delete'], /token: invalid_scope.*/)
  },
}

interface KeyPair {
  readonly publicJwk: webcrypto.JsonWebKey
  readonly privateJwk: webcrypto.JsonWebKey
}

const rsaKey = (kid: string) => toJwks(generateKeyPairSync('rsa', { modulusLength: 2048 }), { kid, alg: 'RS256' })
const ecKey = (kid: string) => toJwks(generateKeyPairSync('ec', { namedCurve: 'P-256' }), { kid, alg: 'ES256' })

function toJwks({ publicKey, privateKey }: ReturnType<typeof generateKeyPairSync>, names: object): KeyPair {
  const jwk = (key: { export(options: { format: 'jwk' }): webcrypto.JsonWebKey }) => ({
    ...key.export({ format: 'jwk' }),
    ...names,
  })
  return { publicJwk: { ...jwk(publicKey), use: 'sig' } as webcrypto.JsonWebKey, privateJwk: jwk(privateKey) }
}
