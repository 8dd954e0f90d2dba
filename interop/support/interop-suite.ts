import type { CheckReport } from './check-report.ts'
import type { Processes } from './processes.ts'
import type { InteropTrustDomain, TrustDomainSettings } from './trust-domain.ts'

/** One foreign implementation against ours. Each folder of `interop/` with a `suite.ts` exports one as `suite`. */
export interface InteropSuite {
  /** Looks for what the suite needs of the machine. @returns why it cannot run here, `undefined` when it can */
  readonly missing: (context: Pick<SuiteContext, 'processes'>) => Promise<string | undefined>
  /** Reports its checks. A throw is one more failed check. */
  readonly run: (context: SuiteContext) => Promise<void>
}

export interface SuiteContext {
  /** Starts and ends every process of the suite. */
  readonly processes: Processes
  readonly report: CheckReport
  /** For what the suite builds and writes; gone when the suite ends. */
  readonly temporaryFolder: string
  /** Starts a server with one attested agent. Both end with the suite. */
  readonly startTrustDomain: (name: string, settings?: TrustDomainSettings) => Promise<InteropTrustDomain>
}
