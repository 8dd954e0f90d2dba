import { generateKeyPairSync, type webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisUser } from '../support/client-entries.ts'
import { runForeignClient } from '../support/foreign-client.ts'
import type { InteropSuite } from '../support/interop-suite.ts'
import { startTokenService } from '../support/token-service.ts'
import { CLUSTER, DOMAIN, PREFIX, rulesFor, type Scenario } from './scenario.ts'

const CLIENTS = ['openid-client', 'oauth4webapi'] as const
const TIMEOUT_MS = 90_000

/** OAuth clients of the npm registry as clients of the token service: each flow by each of them. */
export const suite: InteropSuite = {
  missing: async () => undefined,

  async run(context) {
    const { processes, report, temporaryFolder } = context
    const [cluster, gateway, orders] = [rsaKey('cluster'), ecKey('gateway'), ecKey('orders')] as const
    const identities = CLIENTS.map((client) => `spiffe://${DOMAIN}/${client}`)
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
