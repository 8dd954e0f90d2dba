import type { DemoProgram } from '../demo-program.ts'
import type { TokenOutcome } from '../programs/token-request.ts'
import type { CapturedRequest } from '../tap.ts'

/** A service's answer to somebody who should not have asked. */
export interface ServiceAnswer {
  readonly status: number
  readonly body: { readonly code?: string }
}

/** What became of the order service's identity in the wrong hands. */
export interface TakenOver {
  readonly attempts: Readonly<
    Record<'replayedGrant' | 'misdirectedGrant' | 'userTokenAsGrant' | 'widerScope', TokenOutcome>
  >
  readonly userTokenAtLedger: ServiceAnswer
}

/** What another workload did with stolen tokens. */
export interface Pickpocket {
  readonly attempts: { readonly grantForMe: TokenOutcome }
  readonly tokenOfAnother: ServiceAnswer
}

/** What the attackers between the domains have to work with. */
export interface CrossingField {
  /** The storefront's request in the customer's transaction. */
  readonly checkout: CapturedRequest
  readonly ports: { readonly orders: number }
  readonly servers: { readonly shop: DemoProgram; readonly bank: DemoProgram }
  readonly takenOver: TakenOver
  readonly pickpocket: Pickpocket
}
