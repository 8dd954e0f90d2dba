import type { HeldIdentity } from '../identity/held-identity.ts'
import type { WorkloadRequestInit } from '../presentation/proof-fetch.ts'
import { SdkError } from '../sdk-error.ts'
import { DEFAULT_RUNTIME, type WorkloadRuntime } from '../workload-runtime.ts'

/** What asks for tokens needs of a workload. */
export interface TokenRequester {
  readonly runtime: WorkloadRuntime
  /** @throws SdkError when there is none */
  readonly identity: HeldIdentity
  readonly fetch: (input: string, init: WorkloadRequestInit) => Promise<Response>
  readonly jwtSvid: (audience: readonly string[]) => Promise<string>
}

/** A program without an agent, which has only what its platform gives it in files. */
export function withoutAgent(runtime: Partial<WorkloadRuntime> = {}): TokenRequester {
  const refuse = (): never => {
    throw new SdkError('ERR_SDK_NO_IDENTITY', 'there is no agent to ask for an identity: name an assertion file')
  }
  return {
    runtime: { ...DEFAULT_RUNTIME, ...runtime },
    get identity() {
      return refuse()
    },
    fetch: async () => refuse(),
    jwtSvid: async () => refuse(),
  }
}
