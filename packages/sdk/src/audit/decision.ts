import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import type { Caller } from '../verification/caller.ts'

/** One decision, for the record: who asked for what, what was said, and why. Carries no token. */
export interface Decision {
  /** Seconds since the Unix epoch. */
  readonly time: number
  readonly allowed: boolean
  readonly method: string
  /** Path asked for, without query: that may carry secrets. */
  readonly path: string
  readonly caller: string | undefined
  readonly binding: Caller['binding'] | undefined
  /** `txn` of the transaction that the request came in, where it was verified. */
  readonly transaction?: string
  /** `jti` of the access token that came with the request, where it was verified. */
  readonly accessTokenId?: string
  /** The failed check, or undefined when allowed. */
  readonly code: string | undefined
  /** For the operator only. Undefined for a policy that threw: see `onError`. */
  readonly reason: string | undefined
}

/** What became of a call. The failure is boxed: `undefined` can be thrown too. */
export type Outcome =
  | { readonly caller: Caller; readonly failure?: undefined }
  | { readonly caller: Caller | undefined; readonly failure: { readonly error: unknown } }

export function decisionOf(
  call: { method: string; target: string },
  time: number,
  { caller, failure }: Outcome,
): Decision {
  const error = failure?.error
  return {
    time,
    allowed: failure === undefined,
    method: call.method,
    path: pathForRecord(call.target),
    caller: caller?.id.toString(),
    binding: caller?.binding,
    ...(caller?.transaction === undefined ? {} : { transaction: caller.transaction.content.transactionId }),
    ...(caller?.authorization === undefined ? {} : { accessTokenId: caller.authorization.id }),
    code: failure === undefined ? undefined : (errorCode(error) ?? 'ERR_INTERNAL'),
    reason:
      error instanceof WorkloadIdentityError ? [error.message, error.detail].filter(Boolean).join(': ') : undefined,
  }
}

/** Absolute form may name a user and password before the path. */
function pathForRecord(target: string): string {
  return target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '')
}
