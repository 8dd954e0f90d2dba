import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeJwt } from 'jose'
import type { CheckReport } from '../support/check-report.ts'
import { thisUser } from '../support/client-entries.ts'
import { freePort } from '../support/free-port.ts'
import type { SuiteContext } from '../support/interop-suite.ts'
import type { Processes } from '../support/processes.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import { until } from '../support/until.ts'
import { addScope } from './add-scope.ts'
import { BROWSER_PORTAL, REDIRECT_URI, SCOPE, USER } from './realm.ts'
import { BANK, DOMAIN, GATEWAY_ID, LEDGER, ORDERS_ID, type Scene } from './scene.ts'

/** The programs are those of the scenario that plays the same with another login server. */
const script = (name: string) => fileURLToPath(new URL(`../../e2e/support/across-domains/${name}.mjs`, import.meta.url))
const loopback = (port: number) => `http://127.0.0.1:${port}`
const PROGRAM_TIMEOUT_MS = 60_000

/** A user signs in at Keycloak, and a service of another trust domain sees user, caller and chain. */
export async function checkAcrossDomains(context: SuiteContext, scene: Scene): Promise<void> {
  const { processes, report } = context
  const { shop, bank } = { shop: scene.service, bank: scene.bank }
  await addScope(scene, SCOPE, BROWSER_PORTAL)
  await Promise.all([federate(shop.domain, bank.domain), federate(bank.domain, shop.domain)])
  const gateway = await startPrograms(context, scene)

  const tokens = await signIn(processes, scene)
  const { sub } = decodeJwt(tokens.accessToken)
  const call = async (path: string, token = tokens.accessToken) => {
    const response = await fetch(`${gateway}${path}`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
    // biome-ignore lint/suspicious/noExplicitAny: the answer is looked into below
    return (await response.json()) as any
  }
  const { booking, requestingWorkload } = await call('/orders')
  add(report, 'a user who signs in at its login form is seen by a service of another domain', [
    [booking?.user, `shop/${sub}`],
    [booking?.email, 'alice@example.org'],
    [booking?.scopes?.join(' '), SCOPE],
  ])
  add(report, 'with the workload that calls', [
    [booking?.caller, ORDERS_ID],
    [booking?.client, ORDERS_ID],
  ])
  add(report, 'and the chain: by the other domain itself, and on the word of the first one', [
    [requestingWorkload, GATEWAY_ID],
    [
      JSON.stringify(booking?.chain),
      JSON.stringify([{ subject: ORDERS_ID }, { subject: GATEWAY_ID, issuer: shop.issuer }]),
    ],
  ])
  for (const [check, expected, path] of [
    ["the user's access token in place of a grant", '400 invalid_grant', '/bring-access-token'],
    ["the user's access token at the service", '401 ERR_CREDENTIAL_ISSUER', '/use-access-token'],
    ['a grant that comes again', '400 invalid_grant', '/replay'],
    ['a grant for a workload that no rule names', '400 unauthorized_client', '/ask-for-grant'],
    ['more scope than the user allowed', '400 invalid_scope', '/more-scope-at-home'],
  ] as const) {
    const { refused = 'granted' } = await call(path)
    report.add({ check: `refused across domains: ${check}`, ok: refused === expected, detail: refused })
  }
  const { refused = 'granted' } = await call('/orders', tokens.idToken)
  report.add({
    check: 'refused: the ID token at the gateway',
    ok: refused === 'ERR_SDK_TOKEN_REFUSED',
    detail: refused,
  })
}

function add(report: CheckReport, check: string, seen: readonly (readonly [seen: unknown, expected: string])[]): void {
  const ok = seen.every(([value, expected]) => value === expected)
  report.add({ check, ok, detail: seen.map(([value]) => String(value)).join(', ') })
}

async function signIn(processes: Processes, { keycloak, service, secrets, rootsFile }: Scene) {
  const args = [script('customer'), keycloak.issuer, service.issuer, REDIRECT_URI, USER, SCOPE]
  const env = { NODE_EXTRA_CA_CERTS: rootsFile, PASSWORD: secrets.password, CLIENT_ID: BROWSER_PORTAL }
  const done = await processes.run(process.execPath, args, { env, timeoutMs: PROGRAM_TIMEOUT_MS })
  if (done.exitCode !== 0) throw new Error(`${USER} cannot sign in: ${done.stderr}`)
  return JSON.parse(done.stdout) as { readonly accessToken: string; readonly idToken: string }
}

async function federate(domain: InteropTrustDomain, other: InteropTrustDomain): Promise<void> {
  const federation = {
    ...{ trustDomain: other.name, bundleEndpointUrl: other.bundleEndpointUrl, profile: 'https_web' },
    ...{ allowedAddresses: ['127.0.0.1'], webRoots: await readFile(other.publicRootFile, 'utf8') },
  }
  await domain.admin('POST', '/v1/federations', federation)
  await domain.admin('POST', `/v1/federations/${other.name}/refresh`)
}

/** Gateway and order service of the shop, and ledger of the bank. @returns where the gateway is */
async function startPrograms({ processes, temporaryFolder }: SuiteContext, scene: Scene): Promise<string> {
  const { service: shop, bank, rootsFile } = scene
  const [gatewayPort, ordersPort, ledgerPort] = [await freePort(), await freePort(), await freePort()]
  const settings = {
    ...{ NODE_EXTRA_CA_CERTS: rootsFile, ORDERS_URL: loopback(ordersPort), LEDGER_URL: loopback(ledgerPort) },
    ...{ LEDGER_AUDIENCE: LEDGER, SHOP_TOKEN_ENDPOINT: shop.tokenEndpoint, SHOP_JWKS: `${shop.issuer}/jwks` },
    ...{ BANK_ISSUER: bank.issuer, BANK_TOKEN_ENDPOINT: bank.tokenEndpoint, BANK_JWKS: `${bank.issuer}/jwks` },
  }
  const programs = [
    [bank.domain, 'ledger', ledgerPort, DOMAIN],
    [shop.domain, 'orders', ordersPort, BANK],
    [shop.domain, 'gateway', gatewayPort, BANK],
  ] as const
  for (const [domain, name, port, partner] of programs) {
    await domain.register({
      spiffeId: `spiffe://${domain.name}/${name}`,
      selectors: [{ type: 'unix', value: `script:path:${script(name)}` }, thisUser()],
      federatesWith: [partner],
    })
    const logFile = join(temporaryFolder, `${name}.log`)
    const env = { ...settings, PORT: String(port), SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket }
    processes.start(process.execPath, [script(name)], { logFile, env })
    await until(
      async () => (await readFile(logFile, 'utf8').catch(() => '')).includes('"ready"'),
      `a ${name} that is ready`,
    )
  }
  return loopback(gatewayPort)
}
