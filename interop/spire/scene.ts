import type { SuiteContext } from '../support/interop-suite.ts'
import type { InteropTrustDomain } from '../support/trust-domain.ts'
import type { Peer, Peers } from './peers.ts'
import type { SpireAgent } from './spire-agent.ts'
import type { SpireServer } from './spire-server.ts'

/** Everything that the checks of this suite work on: two trust domains, their workloads, and somebody to tell. */
export interface Scene {
  readonly report: SuiteContext['report']
  readonly ours: InteropTrustDomain
  readonly spire: SpireServer
  readonly spireAgent: SpireAgent
  readonly peers: Peers
  /** Workloads of ours: one written with our sdk, one with go-spiffe. */
  readonly onOurs: readonly Peer[]
  /** The same programs on SPIRE's agent. */
  readonly onSpire: readonly Peer[]
}

/** Runs one check. Its `false` or its throw is a failure, and the text says what was seen. */
export async function check(
  { report }: Pick<Scene, 'report'>,
  name: string,
  look: () => Promise<{ readonly ok: boolean; readonly detail: string }>,
): Promise<void> {
  const { ok, detail } = await look().catch((error: unknown) => ({ ok: false, detail: (error as Error).message }))
  report.add({ check: name, ok, detail: detail.replaceAll('\n', '; ') })
}
