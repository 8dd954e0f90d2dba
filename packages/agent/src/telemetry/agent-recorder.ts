import { type Stopwatch, stoppedStopwatch } from '@countersign/telemetry'
import type { DenialReason } from './denial-reason.ts'

export type FetchOutcome = 'issued' | 'renewed' | 'failed'

/** What the parts of the agent tell as it happens. `code` is that of the error; absent when all went well. */
export interface AgentRecorder {
  readonly stopwatch: Stopwatch
  serverAsked(request: { readonly route: string; readonly code?: string | undefined; readonly seconds: number }): void
  /** @param status a number of gRPC's */
  callEnded(method: string, status: number): void
  callAnswered(method: string, seconds: number): void
  denied(reason: DenialReason): void
  attested(seconds: number, code?: string): void
  credentialFetched(kind: string, outcome: FetchOutcome, code?: string): void
  pushed(seconds: number): void
}

export const NO_RECORDER: AgentRecorder = {
  stopwatch: stoppedStopwatch,
  serverAsked() {},
  callEnded() {},
  callAnswered() {},
  denied() {},
  attested() {},
  credentialFetched() {},
  pushed() {},
}
