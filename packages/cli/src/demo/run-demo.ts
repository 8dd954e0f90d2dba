import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REQUEST_CHECKS } from '@countersign/protocol'
import type { AdminClient } from '../admin-client.ts'
import type { Attack, Battlefield } from './attack.ts'
import { ATTACKS, CROSSING_ATTACKS } from './attacks/index.ts'
import { startLogin } from './crossing/customer.ts'
import { gatherField } from './crossing/gather-field.ts'
import { playCrossing } from './crossing/play-crossing.ts'
import { OTHER_ISSUER } from './crossing/token-services.ts'
import { DemoError } from './demo-error.ts'
import type { DemoFolder } from './demo-folder.ts'
import { writeEnvironment } from './demo-folder.ts'
import type { AttackOutcome, DemoResult, HopOutcome } from './demo-result.ts'
import type { DemoStage } from './demo-stage.ts'
import { type Hop, isOrderAnswer } from './hop.ts'
import { choosePlaces } from './places.ts'
import type { DemoReport } from './report.ts'
import { type ProgramName, registerPrograms, startProgram } from './services.ts'
import { startDomains } from './start-domains.ts'
import { fieldOf, Tap } from './tap.ts'
import type { DemoTrustDomain } from './trust-domain.ts'

export interface DemoOptions {
  readonly folder: DemoFolder
  /** Path of this very command's script. */
  readonly command: string
  readonly openAdmin: (socket: string) => AdminClient
  readonly report: DemoReport
}

const CUSTOMER_TOKEN = 'customer-4711'

/** The chain as it has to be, first hop first. */
const EXPECTED_HOPS = [
  { caller: 'spiffe://shop.example/shopper', callee: 'spiffe://shop.example/storefront' },
  { caller: 'spiffe://shop.example/storefront', callee: 'spiffe://shop.example/orders' },
  { caller: 'spiffe://shop.example/orders', callee: 'spiffe://bank.example/ledger' },
]

/** Plays the whole story once: two domains, three services, one order, one user, every attack. The stage stays up. */
export async function runDemo(options: DemoOptions, stage: DemoStage): Promise<DemoResult> {
  const { report, folder } = options
  report.step('starting two trust domains')
  const places = await choosePlaces()
  const { ports, urls, issuers } = places
  const customer = await startLogin(stage.start, folder.make('login'), places)
  stage.lasting.push(customer.program)
  const host = { ...options, start: stage.start }
  const [shop, bank] = await startDomains(host, places, customer.rootFile, ({ server, agent }) => {
    stage.lasting.push(server, agent)
  })
  report.step('exchanging trust bundles, registering programs')
  const publicRootPem = (domain: DemoTrustDomain) => readFileSync(domain.publicRootFile, 'utf8')
  await Promise.all([
    shop.federateWith({ ...bank, publicRootPem: publicRootPem(bank) }),
    bank.federateWith({ ...shop, publicRootPem: publicRootPem(shop) }),
  ])
  await registerPrograms(shop, bank)
  report.domains([shop, bank])

  // Programs that find no agent wait longer than the agents need.
  await Promise.all(
    [shop, bank].map(({ agent }) => agent.waitFor(({ msg }) => msg === 'connected to the server', 'connected')),
  )

  report.step('starting storefront, orders and ledger')
  const tap = new Tap(places.tapPort, ports.orders)
  stage.taps.push(tap)
  const logs = folder.make('logs')
  const rootsFile = join(folder.path, 'web-roots.pem')
  writeFileSync(rootsFile, publicRootPem(shop) + publicRootPem(bank))
  const known = {
    NODE_EXTRA_CA_CERTS: rootsFile,
    SHOP_ISSUER: issuers.shop,
    BANK_ISSUER: issuers.bank,
    OTHER_ISSUER,
    PAYMENTS_URL: `${urls.ledger}/payments`,
  }
  const start = (name: ProgramName, domain: DemoTrustDomain, env: Readonly<Record<string, string>>) => {
    return startProgram(stage.start, name, domain, logs, { ...known, ...env })
  }
  const services = [
    start('ledger', bank, { PORT: String(ports.ledger), AUDIENCE: urls.ledger }),
    start('orders', shop, { PORT: String(ports.orders), AUDIENCE: urls.orders, LEDGER_URL: urls.ledger }),
    start('storefront', shop, { PORT: String(ports.storefront), AUDIENCE: urls.storefront, ORDERS_URL: urls.orders }),
  ]
  stage.lasting.push(...services)
  const runProgram = async (name: string, env: Readonly<Record<string, string>>) => {
    const program = start(name as ProgramName, shop, { CUSTOMER_TOKEN, ...env })
    return program.waitFor(({ event }) => event === 'answer', 'done')
  }
  await Promise.all(services.map((service) => service.waitFor(({ event }) => event === 'ready', 'ready')))
  report.services(
    [...services]
      .reverse()
      .map(({ name, pid }) => ({ name, pid, id: `spiffe://${name === 'ledger' ? bank.name : shop.name}/${name}` })),
  )

  // Its identity has to expire first, so it starts now.
  const late = runProgram('latecomer', { STOREFRONT_URL: urls.storefront })
  late.catch(() => {})

  report.step('placing an order')
  const hops = judgeHops(await placeOrder(runProgram, urls.storefront))
  report.hops(hops, REQUEST_CHECKS)
  const [captured] = tap.captured
  if (captured === undefined)
    throw new DemoError('ERR_DEMO_PROGRAM_FAILED', 'no request went from storefront to orders')

  const field: Battlefield = {
    captured,
    shop,
    bank,
    ports,
    urls,
    runProgram: (name, env) => (name === 'latecomer' ? late : runProgram(name, env)),
    refusalsLogged: () => shop.agent.waitFor(({ msg }) => msg === 'no identity issued', 'done refusing'),
  }
  // Played while the attackers of the first act are at work, and told after them.
  const crossing = playCrossing(customer, places, tap)
  const crossingField = crossing.then((played) => gatherField(played, field, fieldOf(played.checkout, 'txn-token')))
  crossingField.catch(() => {})
  const attacks = [...(await runAttacks(ATTACKS, field, report))]
  const { outcome } = await crossing
  report.crossing(outcome)
  attacks.push(...(await runAttacks(CROSSING_ATTACKS, await crossingField, report)))
  writeEnvironment(folder, {
    SPIFFE_ENDPOINT_SOCKET: shop.endpointSocket,
    COUNTERSIGN_ADMIN_SOCKET: shop.adminSocket,
    DEMO_AGENT_ID: shop.agentId,
    STOREFRONT_URL: urls.storefront,
  })
  const ok =
    hops.length === EXPECTED_HOPS.length &&
    hops.every((hop) => hop.verified) &&
    outcome.verified &&
    attacks.every((attack) => attack.refused)
  return { ok, hops, crossing: outcome, attacks }
}

async function placeOrder(runProgram: Battlefield['runProgram'], storefront: string): Promise<readonly Hop[]> {
  const { status, body } = await runProgram('shopper', { STOREFRONT_URL: storefront })
  if (status !== 200 || !isOrderAnswer(body)) {
    throw new DemoError('ERR_DEMO_PROGRAM_FAILED', 'the order was not taken', {
      detail: JSON.stringify({ status, body }),
    })
  }
  return [...body.hops].reverse()
}

function judgeHops(hops: readonly Hop[]): readonly HopOutcome[] {
  return hops.map((hop, index) => {
    const expected = EXPECTED_HOPS[index]
    const verified = expected?.caller === hop.caller && expected.callee === hop.callee && hop.binding === 'wpt'
    const problem = verified
      ? undefined
      : `expected ${expected?.caller ?? 'no caller'} to call ${expected?.callee ?? 'nobody'}`
    return { ...hop, verified, problem }
  })
}

async function runAttacks<Field>(
  all: readonly Attack<Field>[],
  field: Field,
  report: DemoReport,
): Promise<readonly AttackOutcome[]> {
  const outcomes: AttackOutcome[] = []
  for (const attack of all) {
    const { name, title, expectedCode } = attack
    report.step(title)
    const { code, status, notes = [] } = await attack.run(field)
    const outcome = { name, title, expectedCode, code, status, notes, refused: code === expectedCode }
    outcomes.push(outcome)
    report.attack(outcome)
  }
  return outcomes
}
