import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Program } from '../program.ts'
import { freePort, TrustDomain } from '../trust-domain.ts'

/** A trust domain that accepts no grants, and only has a name. */
export const OTHER_ISSUER = 'https://id.other.example/oauth2'
export const LEDGER = 'https://ledger.bank.example'
/** Nobody listens there: the browser stops before it is opened. */
const REDIRECT_URI = 'http://127.0.0.1:9/signed-in'

const script = (name: string) => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url))
const shopWorkload = (name: string) => ({
  profile: 'wit',
  issuer: 'shop.example',
  subject: [`spiffe://shop.example/${name}`],
})
/** Where a trust domain's token service is. */
export const issuerOf = ({ publicPort }: TrustDomain) => `https://localhost:${publicPort}/oauth2`

/** The shop: its gateway begins transactions for users who signed in, and its order service may take them to the bank. */
const shopRules = (bankIssuer: string) => {
  const user = { profile: 'access-token', issuer: 'login', anySubject: true }
  const transaction = { profile: 'transaction-token', audience: ['shop.example'], binding: 'none', claims: ['email'] }
  const leaving = { profile: 'transaction-token', issuer: 'self', anySubject: true, audience: ['shop.example'] }
  const grant = { profile: 'authorization-grant', audience: [bankIssuer, OTHER_ISSUER], claims: ['email'], ttl: 60 }
  const rule = (name: string, rest: object) => ({ name, grant: 'token-exchange', ...rest })
  return {
    rules: [
      rule('gateway begins', {
        ...{ subject: user, client: shopWorkload('gateway') },
        to: { ...transaction, scopes: ['orders.write'], details: ['order'], ttl: 120 },
      }),
      rule('gateway begins what is soon over', {
        ...{ subject: user, client: shopWorkload('gateway') },
        to: { ...transaction, scopes: ['orders.brief'], details: ['order'], ttl: 2 },
      }),
      rule('orders to the bank', {
        ...{ subject: leaving, client: shopWorkload('orders') },
        to: { ...grant, scopes: ['orders.write', 'orders.brief'] },
      }),
    ],
  }
}

/** The bank: knows all of the shop's users, as the shop's order service brings them. */
const bankRules = {
  rules: [
    {
      ...{ name: 'users of the shop', grant: 'jwt-bearer' },
      subject: { profile: 'authorization-grant', issuer: 'shop', anySubject: true },
      client: shopWorkload('orders'),
      to: {
        ...{ profile: 'access-token', audience: [LEDGER], scopes: ['orders.write', 'orders.read'] },
        ...{ claims: ['email'], binding: 'required' },
      },
    },
  ],
}

/** The server's settings, and where its rules are. Rules are written when every address is known. */
const tokenService = (domain: TrustDomain, issuer: object) => {
  const issuers = [{ discovery: true, allowedAddresses: ['127.0.0.1', '::1'], claims: { email: 'email' }, ...issuer }]
  return `tokenService: ${JSON.stringify({ issuer: issuerOf(domain), rulesFile: rulesFileOf(domain), issuers })}\n`
}
const rulesFileOf = ({ folder }: TrustDomain) => join(folder, 'rules.yaml')
const publicRootOf = ({ folder }: TrustDomain) => join(folder, 'server', 'public-root.pem')

export interface Tokens {
  readonly accessToken: string
  readonly idToken: string
}

/** What the shop's gateway answers. */
export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: scenarios look into answers freely
  readonly body: any
}

export interface AcrossDomains {
  readonly shop: TrustDomain
  readonly bank: TrustDomain
  readonly shopServer: Program
  readonly bankServer: Program
  readonly ledger: Program
  /** A user signs in, and lets the portal do what `scope` says. */
  signIn(user: string, scope: string): Promise<Tokens>
  /** A call of the shop's gateway with an access token. */
  call(path: string, accessToken: string): Promise<Answer>
}

/**
 * A shop with a login server, a gateway and an order service, and a bank with a ledger: all of them processes of their own.
 *
 * @param domains is told of each domain as soon as there is something to remove
 */
export async function startAcrossDomains(domains: TrustDomain[]): Promise<AcrossDomains> {
  const login = `https://127.0.0.1:${await freePort()}`
  const shop = await TrustDomain.create('shop.example', (domain) =>
    tokenService(domain, {
      ...{
        name: 'login',
        issuer: login,
        profiles: ['access-token'],
        webRootsFile: join(domain.folder, 'login-root.pem'),
      },
    }),
  )
  domains.push(shop)
  const bank = await TrustDomain.create('bank.example', (domain) =>
    tokenService(domain, {
      ...{ name: 'shop', issuer: issuerOf(shop), profiles: ['authorization-grant'], webRootsFile: publicRootOf(shop) },
      subjectPrefix: 'shop/',
    }),
  )
  domains.push(bank)
  writeFileSync(rulesFileOf(shop), JSON.stringify(shopRules(issuerOf(bank))))
  writeFileSync(rulesFileOf(bank), JSON.stringify(bankRules))

  const loginRoot = join(shop.folder, 'login-root.pem')
  const provider = shop.start([script('openid-provider'), new URL(login).port, issuerOf(shop), REDIRECT_URI, loginRoot])
  await provider.untilOutput(/"ready"/)
  // One after the other: each asks for the keys of the one before as it starts.
  const shopServer = await shop.startServer()
  const bankServer = await bank.startServer()
  const [atShop, atBank] = await Promise.all([settle(shop, bank), settle(bank, shop)])

  const rootsFile = join(shop.folder, 'web-roots.pem')
  const roots = [loginRoot, publicRootOf(shop), publicRootOf(bank)].map((file) => readFileSync(file, 'utf8'))
  writeFileSync(rootsFile, roots.join(''))
  const [gatewayPort, ordersPort, ledgerPort] = [await freePort(), await freePort(), await freePort()]
  const urls = { ORDERS_URL: loopback(ordersPort), LEDGER_URL: loopback(ledgerPort) }
  const settings = {
    ...urls,
    ...{ NODE_EXTRA_CA_CERTS: rootsFile, LEDGER_AUDIENCE: LEDGER, OTHER_ISSUER },
    ...{ SHOP_TOKEN_ENDPOINT: `${issuerOf(shop)}/token`, SHOP_JWKS: `${issuerOf(shop)}/jwks` },
    ...{
      BANK_ISSUER: issuerOf(bank),
      BANK_TOKEN_ENDPOINT: `${issuerOf(bank)}/token`,
      BANK_JWKS: `${issuerOf(bank)}/jwks`,
    },
  }
  const start = async (domain: TrustDomain, parent: string, name: string, port: number, partner: string) => {
    const selectors = [`--selector=unix:uid:${process.getuid?.()}`, `--selector=unix:script:path:${script(name)}`]
    const id = ['--id', `spiffe://${domain.name}/${name}`, '--parent', parent]
    await domain.admin('entry', 'create', ...id, ...selectors, '--federates-with', partner)
    const env = { ...settings, PORT: String(port), SPIFFE_ENDPOINT_SOCKET: domain.endpoint }
    const program = domain.start([script(name)], env)
    await program.untilOutput(/"ready"/)
    return program
  }
  const [ledger] = await Promise.all([
    start(bank, atBank, 'ledger', ledgerPort, shop.name),
    start(shop, atShop, 'orders', ordersPort, bank.name),
    start(shop, atShop, 'gateway', gatewayPort, bank.name),
  ])
  return {
    ...{ shop, bank, shopServer, bankServer, ledger },
    async signIn(user, scope) {
      const args = [script('customer'), login, issuerOf(shop), REDIRECT_URI, user, scope]
      const { exitCode, stdout, stderr } = await shop.start(args, { NODE_EXTRA_CA_CERTS: rootsFile }).finished()
      if (exitCode !== 0) throw new Error(`nobody could sign in: ${stderr}`)
      return JSON.parse(stdout)
    },
    async call(path, accessToken) {
      const authorization = `Bearer ${accessToken}`
      const response = await fetch(`${loopback(gatewayPort)}${path}`, { method: 'POST', headers: { authorization } })
      return { status: response.status, body: await response.json() }
    },
  }
}

/** Starts the agent of a domain, and has it federate with the other one. Returns the agent's identifier. */
async function settle(domain: TrustDomain, other: TrustDomain): Promise<string> {
  const agent = await domain.invite()
  await domain.startAgent()
  const endpoint = ['--endpoint-url', `https://127.0.0.1:${other.publicPort}/bundle`, '--profile=https_web']
  const believed = ['--web-roots', publicRootOf(other), '--allow-address=127.0.0.1']
  await domain.admin('federation', 'create', '--trust-domain', other.name, ...endpoint, ...believed)
  await domain.admin('federation', 'refresh', other.name)
  return agent
}

const loopback = (port: number) => `http://127.0.0.1:${port}`
