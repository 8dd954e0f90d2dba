import { readFileSync } from 'node:fs'
import { REQUEST_CHECKS } from '@countersign/protocol'
import type { AdminClient } from '../admin-client.ts'
import type { Battlefield } from './attack.ts'
import { ATTACKS } from './attacks/index.ts'
import { DemoError } from './demo-error.ts'
import type { DemoFolder } from './demo-folder.ts'
import { writeEnvironment } from './demo-folder.ts'
import { DemoProgram, type DemoProgramOptions } from './demo-program.ts'
import type { AttackOutcome, DemoResult, HopOutcome } from './demo-result.ts'
import { freePort } from './free-port.ts'
import { type Hop, isOrderAnswer } from './hop.ts'
import type { DemoReport } from './report.ts'
import { type ProgramName, registerPrograms, startProgram } from './services.ts'
import { Tap } from './tap.ts'
import { type DemoTrustDomain, startTrustDomain } from './trust-domain.ts'

export interface DemoOptions {
  readonly folder: DemoFolder
  /** Path of this very command's script. */
  readonly command: string
  readonly openAdmin: (socket: string) => AdminClient
  readonly report: DemoReport
}

/** Everything that was started, for whoever must end it. */
export class DemoStage {
  readonly #programs: DemoProgram[] = []
  /** Those that are meant to go on running. */
  readonly lasting: DemoProgram[] = []
  readonly taps: Tap[] = []
  #closed = false

  /**
   * Starts a process, which is on the stage from its first instant: a signal may come at any moment.
   *
   * @throws DemoError `ERR_DEMO_STOPPED` once the stage is closed
   */
  readonly start = (options: DemoProgramOptions): DemoProgram => {
    if (this.#closed) throw new DemoError('ERR_DEMO_STOPPED', 'the demo was stopped')
    const program = new DemoProgram(options)
    this.#programs.push(program)
    return program
  }

  /** Ends every process this run started, by its own id, latest first. */
  async close(): Promise<void> {
    this.#closed = true
    for (const tap of this.taps) tap.close()
    await Promise.all(this.#programs.reverse().map((program) => program.stop()))
  }
}

const CUSTOMER_TOKEN = 'customer-4711'

/** The chain as it has to be, first hop first. */
const EXPECTED_HOPS = [
  { caller: 'spiffe://shop.example/shopper', callee: 'spiffe://shop.example/storefront' },
  { caller: 'spiffe://shop.example/storefront', callee: 'spiffe://shop.example/orders' },
  { caller: 'spiffe://shop.example/orders', callee: 'spiffe://bank.example/ledger' },
]

/** Plays the whole story once: two domains, three services, one order, every attack. The stage stays up. */
export async function runDemo(options: DemoOptions, stage: DemoStage): Promise<DemoResult> {
  const { report, folder } = options
  report.step('starting two trust domains')
  const [shop, bank] = await startDomains(options, stage)
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
  const ports = { storefront: await freePort(), orders: await freePort(), ledger: await freePort() }
  // Orders are reached through a wire somebody listens on.
  const tapPort = await freePort()
  const urls = {
    storefront: loopback(ports.storefront),
    orders: loopback(tapPort),
    ledger: loopback(ports.ledger),
  }
  const tap = new Tap(tapPort, ports.orders)
  stage.taps.push(tap)
  const logs = folder.make('logs')
  const start = (name: ProgramName, domain: DemoTrustDomain, env: Readonly<Record<string, string>>) => {
    return startProgram(stage.start, name, domain, logs, env)
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
  const attacks = await runAttacks(field, report)
  writeEnvironment(folder, {
    SPIFFE_ENDPOINT_SOCKET: shop.endpointSocket,
    COUNTERSIGN_ADMIN_SOCKET: shop.adminSocket,
    DEMO_AGENT_ID: shop.agentId,
    STOREFRONT_URL: urls.storefront,
  })
  const ok =
    hops.length === EXPECTED_HOPS.length &&
    hops.every((hop) => hop.verified) &&
    attacks.every((attack) => attack.refused)
  return { ok, hops, attacks }
}

async function startDomains(
  options: DemoOptions,
  stage: DemoStage,
): Promise<readonly [DemoTrustDomain, DemoTrustDomain]> {
  const started = async (name: string, label: string) => {
    const domain = await startTrustDomain({ ...options, start: stage.start }, name, label)
    stage.lasting.push(domain.server, domain.agent)
    return domain
  }
  const [shop, bank] = await Promise.allSettled([started('shop.example', 'shop'), started('bank.example', 'bank')])
  // Both are waited for, so that one that started beside a failed one is on the stage and gets ended.
  if (shop.status === 'rejected') throw shop.reason
  if (bank.status === 'rejected') throw bank.reason
  return [shop.value, bank.value]
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

async function runAttacks(field: Battlefield, report: DemoReport): Promise<readonly AttackOutcome[]> {
  const outcomes: AttackOutcome[] = []
  for (const attack of ATTACKS) {
    const { name, title, expectedCode } = attack
    report.step(title)
    const { code, status, notes = [] } = await attack.run(field)
    const outcome = { name, title, expectedCode, code, status, notes, refused: code === expectedCode }
    outcomes.push(outcome)
    report.attack(outcome)
  }
  return outcomes
}

function loopback(port: number): string {
  return `http://127.0.0.1:${port}`
}
