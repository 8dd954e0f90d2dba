import type { CapturedRequest } from './tap.ts'
import type { DemoTrustDomain } from './trust-domain.ts'

/** What the attackers have to work with: everything that crossed the wire, and whatever they run themselves. */
export interface Battlefield {
  /** The storefront's request to the order service, with its identity token, proof and customer's access token. */
  readonly captured: CapturedRequest
  readonly shop: DemoTrustDomain
  readonly bank: DemoTrustDomain
  readonly ports: { readonly storefront: number; readonly orders: number; readonly ledger: number }
  /** Names under which the services are reached. */
  readonly urls: { readonly storefront: string; readonly orders: string; readonly ledger: string }
  /** Runs one of the demo's programs to its answer. */
  readonly runProgram: (
    name: string,
    env: Readonly<Record<string, string>>,
  ) => Promise<Readonly<Record<string, unknown>>>
  /** What the agent of the shop has logged about programs it refused. */
  readonly refusalsLogged: () => Promise<Readonly<Record<string, unknown>>>
}

export interface AttackResult {
  /** How it was refused. */
  readonly code: string | undefined
  readonly status?: number
  /** Further lines for the reader, such as what the operator was told. */
  readonly notes?: readonly string[]
}

/** One attack of the demo. It must be refused, and for the reason it was made to test. */
export interface Attack<Field = Battlefield> {
  readonly name: string
  readonly title: string
  /** The only code that counts as refused for the right reason. */
  readonly expectedCode: string
  run(field: Field): Promise<AttackResult>
}
