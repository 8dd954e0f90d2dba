import { accessTokenOf } from '@countersign/protocol'
import type { HeldIdentity } from '../identity/held-identity.ts'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'

export interface ProofFetchOptions {
  /** Further fields that carry tokens; each one sent is bound by the proof. Lower case. */
  readonly otherTokenFields: readonly string[]
}

export interface WorkloadRequestInit extends RequestInit {
  /** Whom the proof is for, where that is not the address itself: the receiver's configured audience. */
  readonly audience?: string
}

const WIT_FIELD = 'workload-identity-token'
const WPT_FIELD = 'workload-proof-token'

/** @see draft-ietf-wimse-wpt, "Workload Proof Token" */
export async function proofFetch(
  identity: HeldIdentity,
  runtime: WorkloadRuntime,
  options: ProofFetchOptions,
  input: string | URL | Request,
  { audience, ...init }: WorkloadRequestInit = {},
): Promise<Response> {
  const url = new URL(input instanceof Request ? input.url : input)
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  rejectOwnFields(headers)
  headers.set(WIT_FIELD, identity.wit)
  headers.set(
    WPT_FIELD,
    await identity.proofs.build({
      audience: audience ?? url.origin + url.pathname,
      now: runtime.now(),
      ...boundTokens(headers, options.otherTokenFields),
    }),
  )
  return runtime.fetch(input, { ...init, headers, redirect: redirectMode(input, init) })
}

/** A redirect followed would hand token and proof to whatever address the answer names. */
function redirectMode(input: string | URL | Request, init: RequestInit): 'manual' | 'error' {
  if (init.redirect === 'follow') throw new SdkError('ERR_SDK_REQUEST', 'workload.fetch follows no redirects')
  // A Request that was told nothing says "follow" too.
  const asked = init.redirect ?? (input instanceof Request ? input.redirect : undefined)
  return asked === 'error' ? 'error' : 'manual'
}

function rejectOwnFields(headers: Headers): void {
  for (const name of [WIT_FIELD, WPT_FIELD]) {
    if (headers.has(name)) throw new SdkError('ERR_SDK_REQUEST', `field "${name}" is set by workload.fetch alone`)
  }
}

function boundTokens(headers: Headers, otherFields: readonly string[]) {
  const authorization = headers.get('authorization')
  const accessToken = authorization === null ? undefined : accessTokenOf(authorization)
  const txnToken = headers.get('txn-token')
  const others = otherFields.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return {
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(txnToken === null ? {} : { txnToken }),
    ...(others.length === 0 ? {} : { otherTokens: Object.fromEntries(others) }),
  }
}
