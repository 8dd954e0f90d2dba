import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NewEntry } from '@countersign/api'
import type { DemoProgram, DemoProgramOptions } from './demo-program.ts'
import type { DemoTrustDomain } from './trust-domain.ts'

/** The programs of the demo's story, by the name of their script. */
export type ProgramName =
  | 'storefront'
  | 'orders'
  | 'ledger'
  | 'shopper'
  | 'latecomer'
  | 'intruder'
  | 'login'
  | 'taken-over'
  | 'pickpocket'

/** Lifetime of the latecomer's identity token in seconds: short enough to see it end. */
const LATECOMER_TTL_SECONDS = 3

/** The programs' compiled scripts lie beside this file, under the same extension. */
export function programPath(name: ProgramName): string {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  return fileURLToPath(new URL(`./programs/${name}${extension}`, import.meta.url))
}

/**
 * Selectors that only this program, run by this user, has. An interpreter's own path and hash would be the same for all
 * of them.
 */
function selectorsOf(name: ProgramName): NewEntry['selectors'] {
  return [
    { type: 'unix', value: `uid:${process.getuid?.() ?? 0}` },
    { type: 'unix', value: `script:path:${programPath(name)}` },
  ]
}

/** Tells both servers which program is which workload. The intruder is left out. */
export async function registerPrograms(shop: DemoTrustDomain, bank: DemoTrustDomain): Promise<void> {
  const shopPrograms = ['storefront', 'orders', 'shopper'] as const
  for (const name of shopPrograms) {
    await shop.register({
      spiffeId: `spiffe://${shop.name}/${name}`,
      selectors: selectorsOf(name),
      federatesWith: [bank.name],
    })
  }
  // Somebody else's program, and the order service for everyone who asks.
  await shop.register({ spiffeId: `spiffe://${shop.name}/orders`, selectors: selectorsOf('taken-over') })
  await shop.register({ spiffeId: `spiffe://${shop.name}/pickpocket`, selectors: selectorsOf('pickpocket') })
  await shop.register({
    spiffeId: `spiffe://${shop.name}/latecomer`,
    selectors: selectorsOf('latecomer'),
    witTtl: LATECOMER_TTL_SECONDS,
  })
  await bank.register({
    spiffeId: `spiffe://${bank.name}/ledger`,
    selectors: selectorsOf('ledger'),
    federatesWith: [shop.name],
  })
}

/** Starts one of the programs as a process of its own, with nothing but an endpoint and its settings. */
export function startProgram(
  start: (options: DemoProgramOptions) => DemoProgram,
  name: ProgramName,
  domain: DemoTrustDomain,
  folder: string,
  env: Readonly<Record<string, string>>,
): DemoProgram {
  mkdirSync(folder, { recursive: true })
  return start({
    name,
    args: ['--enable-source-maps', programPath(name)],
    env: { SPIFFE_ENDPOINT_SOCKET: domain.endpointSocket, ...env },
    logFile: join(folder, `${name}.log`),
  })
}
