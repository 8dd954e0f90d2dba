import type { GrpcFailure } from '@countersign/workload-api/server'

/** What ends a call before, or besides, its handler. Goes to the client as it is. */
export class CallFailure extends Error implements GrpcFailure {
  readonly code: number
  readonly details: string

  constructor(code: number, details: string) {
    super(details)
    this.code = code
    this.details = details
  }
}
