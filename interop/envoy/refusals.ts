import { setTimeout as pause } from 'node:timers/promises'
import type { CheckReport } from '../support/check-report.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import type { Deployed, Deployment } from './deployment.ts'
import { ask } from './traffic.ts'

const PATIENCE_MS = 20_000
const LOOK_EVERY_MS = 100
/** Enough for a loop to show itself. */
const QUIET_MS = 3_000
/** One for each change of the roots meanwhile, of which the authority's replacement may bring some. */
const MAX_REJECTIONS = 4
const SAN = 'ssl\\.fail_verify_san$'

export interface RefusalParts {
  readonly report: CheckReport
  readonly domain: InteropTrustDomain
  readonly deployment: Deployment
  readonly orders: Deployed
  readonly storefrontBinary: string
}

/** Genuine certificates of the wrong workload, a program that gets none, and one that cannot use what it gets. */
export async function checkRefusals(parts: RefusalParts): Promise<void> {
  await checkWrongServer(parts)
  await checkWrongCaller(parts)
  await checkUnregistered(parts)
  await checkRejection(parts)
}

async function checkWrongServer({ report, domain, deployment, orders, storefrontBinary }: RefusalParts): Promise<void> {
  const { envoy, port } = await deployment.startStorefront('wrong-server', storefrontBinary, domain, orders.port, {
    'spiffe://example.org/orders': 'spiffe://example.org/payments',
  })
  await envoy.untilLive()
  const { status } = await ask(port)
  const refused = await envoy.stat(SAN)
  report.add({
    check: 'envoy: a caller that expects another workload refuses this one',
    ok: status === 503 && refused > 0,
    detail: `${status}, ${refused} refused for their SPIFFE ID`,
  })
}

async function checkWrongCaller({ report, domain, deployment, orders }: RefusalParts): Promise<void> {
  const before = await orders.envoy.stat(SAN)
  const binary = await deployment.register(domain, 'intruder')
  const { envoy, port } = await deployment.startStorefront('intruder', binary, domain, orders.port)
  await envoy.untilLive()
  const { status } = await ask(port)
  const refused = (await orders.envoy.stat(SAN)) - before
  report.add({
    check: 'envoy: a workload of the same trust domain that is not expected is refused',
    ok: status === 503 && refused > 0,
    detail: `${status}, ${refused} refused for their SPIFFE ID`,
  })
}

async function checkUnregistered({ report, domain, deployment, orders }: RefusalParts): Promise<void> {
  const binary = await deployment.binary('stranger')
  const { envoy } = await deployment.startStorefront('stranger', binary, domain, orders.port)
  // Envoy shows the message as it travels, percent-encoded.
  const pattern = /closed: \d+, no(?: |%20)identity(?: |%20)issued/
  const refusal = await until(async () => pattern.exec(await envoy.log())?.[0])
  const serial = await envoy.serial().catch(() => undefined)
  report.add({
    check: 'envoy: an Envoy that matches no entry gets no secret',
    ok: refusal?.startsWith('closed: 7,') === true && serial === undefined,
    detail: refusal ?? 'not refused',
  })
}

/** Asks for roots where a certificate must be, so that Envoy rejects each answer. */
async function checkRejection({ report, domain, deployment, orders, storefrontBinary }: RefusalParts): Promise<void> {
  const { envoy } = await deployment.startStorefront('confused', storefrontBinary, domain, orders.port, {
    'name: default': 'name: ROOTCA',
  })
  const told = await until(async () => /SDS client rejected[^"]*/.exec(await domain.logTail())?.[0])
  await pause(QUIET_MS)
  const rejected = await envoy.stat('sds\\.ROOTCA\\.update_rejected$')
  report.add({
    check: 'envoy: an Envoy that rejects a secret is not sent it again and again, and the operator is told',
    ok: told !== undefined && rejected > 0 && rejected <= MAX_REJECTIONS,
    detail: `${rejected} rejected; the agent's log says: ${told ?? 'nothing'}`,
  })
}

/** @returns `undefined` when patience ends first */
async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await pause(LOOK_EVERY_MS)) {
    const seen = await look()
    if (seen !== undefined) return seen
  }
  return undefined
}
