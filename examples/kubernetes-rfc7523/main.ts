/**
 * A workload in Kubernetes gets an access token by RFC 7523, with nothing but the token that its pod has. Everything of it
 * runs on this machine.
 *
 *     node examples/kubernetes-rfc7523/main.ts
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { ApiServer, type TokenRequest } from './api-server.ts'
import { startOrdersApi } from './orders-api.ts'
import { startTokenService, type TokenService } from './token-service.ts'

const WORKLOAD = fileURLToPath(new URL('workload.mjs', import.meta.url))
const ISSUER = 'https://id.example.org/oauth2'
/** The volume of manifests.yaml. */
const PROJECTED: TokenRequest = {
  namespace: 'test',
  serviceAccount: 'default',
  audience: ISSUER,
  expirationSeconds: 3600,
}

const folder = await mkdtemp(join(tmpdir(), 'countersign-kubernetes-'))
const stops: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
try {
  const cluster = await ApiServer.start()
  stops.unshift(() => cluster.stop())
  console.log(`cluster:  ${cluster.issuer}`)
  const service = await startTokenService(folder, cluster)
  stops.unshift(() => service.stop())
  console.log(`service:  ${service.endpoint}`)
  const orders = await startOrdersApi({
    issuer: ISSUER,
    audience: 'https://orders.example',
    jwks: await keysOf(service),
  })
  stops.unshift(() => orders.stop())

  const now = Math.floor(Date.now() / 1000)
  const run = (request: Partial<TokenRequest>, issuedAt = now) =>
    runWorkload(cluster.issueToken({ ...PROJECTED, ...request }, issuedAt), service, orders.url)
  await show('the pod of the paper, system:serviceaccount:test:default', true, run({}))
  await show('the same token once more: the kubelet wrote it for an hour', true, run({}))
  await show('a token for the API server itself', false, run({ audience: cluster.issuer }))
  await show('a service account of another namespace', false, run({ namespace: 'other' }))
  await show('a token of two hours ago', false, run({}, now - 7200))
} finally {
  for (const stop of stops) await stop()
}

/** What `workload.mjs` prints in the pod, and whether it got its orders. */
async function runWorkload(token: string, { endpoint, rootFile }: TokenService, ordersUrl: string) {
  const tokenFile = join(folder, 'id-example-org')
  await writeFile(tokenFile, token, { mode: 0o600 })
  const env = { TOKEN_FILE: tokenFile, TOKEN_ENDPOINT: endpoint, ORDERS_URL: ordersUrl, NODE_EXTRA_CA_CERTS: rootFile }
  const workload = spawn(process.execPath, [WORKLOAD], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => workload.once('close', resolve))
  const output = await text(workload.stdout)
  return { output, hasOrders: (await ended) === 0 }
}

async function show(what: string, expected: boolean, outcome: ReturnType<typeof runWorkload>): Promise<void> {
  const { output, hasOrders } = await outcome
  const verdict = hasOrders === expected ? (hasOrders ? 'granted' : 'refused') : 'WRONG'
  console.log(`\n${verdict}: ${what}\n${output.replace(/^(?=.)/gm, '  ')}`)
  if (hasOrders !== expected) process.exitCode = 1
}

/** In a real system the service's certificate is of the Web PKI, and this is a plain `fetch`. */
async function keysOf({ jwksUri, rootFile }: TokenService) {
  const ca = await readFile(rootFile)
  const body = await new Promise<string>((resolve, reject) => {
    get(jwksUri, { ca }, (response) => text(response).then(resolve, reject)).once('error', reject)
  })
  return JSON.parse(body).keys
}
