import { type Stopwatch, stoppedStopwatch } from '@countersign/telemetry'
import type { CredentialKind } from '../audit/audit.ts'

export interface AnsweredRequest {
  readonly listener: string
  readonly method: string
  /** The pattern of the source, never the path that was sent. */
  readonly route: string
  readonly status: number
  /** Absent for a stream, which has no useful duration. */
  readonly seconds?: number
}

export type StoreAccess = 'read' | 'change' | 'note'

/** What the parts of the server tell as it happens. `code` is that of the error; absent when all went well. */
export interface ServerRecorder {
  readonly stopwatch: Stopwatch
  requestAnswered(request: AnsweredRequest): void
  credentialIssued(kind: CredentialKind): void
  credentialRefused(kind: CredentialKind, code: string): void
  nodeAttested(attempt: {
    readonly attestor: string
    readonly code?: string | undefined
    readonly seconds: number
  }): void
  bundleRefreshed(attempt: { readonly trustDomain: string; readonly code?: string | undefined }): void
  transactionBegun(access: StoreAccess, waitedSeconds: number): void
  transactionEnded(access: StoreAccess, seconds: number, code?: string): void
  /** Of those that wait or run. */
  transactionsPending(change: 1 | -1): void
  signed(seconds: number, isFailed: boolean): void
  /** The document of exchange rules was read, at the start or because it has changed. */
  exchangeRulesRead(code: string | undefined): void
}

export const NO_RECORDER: ServerRecorder = {
  stopwatch: stoppedStopwatch,
  requestAnswered() {},
  credentialIssued() {},
  credentialRefused() {},
  nodeAttested() {},
  bundleRefreshed() {},
  transactionBegun() {},
  transactionEnded() {},
  transactionsPending() {},
  signed() {},
  exchangeRulesRead() {},
}
