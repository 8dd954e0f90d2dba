import { WorkloadApiError } from '@countersign/workload-api'
import { SdkError } from '../sdk-error.ts'
import { isRefusal, type OnFailure } from './follow-stream.ts'

/** The two streams that a program needs. */
export type StreamName = 'identity' | 'trust'

/** The wait for a first identity and for somebody to trust, and why it takes so long. */
export class Readiness {
  /** Settles once. Rejects with `ERR_SDK_NO_IDENTITY`, or with what {@link cancel} was given. */
  readonly outcome: Promise<void>
  #resolve!: () => void
  #reject!: (error: SdkError) => void
  #isSettled = false
  readonly #isReady: () => boolean
  readonly #report: OnFailure
  readonly #withoutTokens: () => Promise<void>
  readonly #failures = new Map<StreamName, unknown>()

  /** @param withoutTokens begins to live on certificates alone, for agents that have nothing else; settles when it does */
  constructor(isReady: () => boolean, report: OnFailure, withoutTokens: () => Promise<void>) {
    this.#isReady = isReady
    this.#report = report
    this.#withoutTokens = withoutTokens
    // Not Promise.withResolvers: this package also serves programs on Node 20.
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = () => {
        this.#isSettled = true
        resolve()
      }
      this.#reject = (error) => {
        this.#isSettled = true
        reject(error)
      }
    })
  }

  /** A stream has told its state. */
  delivered(stream: StreamName): void {
    this.#failures.delete(stream)
    if (this.#isReady()) this.#resolve()
  }

  failed(stream: StreamName, failure: unknown, retryMs: number | undefined): void {
    this.#failures.set(stream, failure)
    this.#report(failure, retryMs)
    // A dropped message leaves the stream open: the next one may do. A refused protocol does not change.
    if (retryMs !== undefined || !(failure instanceof WorkloadApiError) || this.#isSettled) return
    if (failure.code === 'ERR_WORKLOAD_API_UNIMPLEMENTED') void this.#withoutTokens().then(this.#resolve, this.#reject)
    else this.#reject(noIdentityError(failure))
  }

  expire(): void {
    const failures = [this.#failures.get('identity'), this.#failures.get('trust')]
    this.#reject(noIdentityError(failures.find(isRefusal) ?? failures[0] ?? failures[1]))
  }

  cancel(error: SdkError): void {
    this.#reject(error)
  }
}

export function noIdentityError(cause: unknown): SdkError {
  return new SdkError('ERR_SDK_NO_IDENTITY', adviceFor(cause), cause === undefined ? {} : { cause })
}

/** Why there is no identity, and what to do about it. */
function adviceFor(cause: unknown): string {
  if (cause instanceof SdkError) return cause.message
  switch (cause instanceof WorkloadApiError ? cause.code : undefined) {
    case 'ERR_WORKLOAD_API_DENIED':
      return 'the agent has no identity for this program: register it with `countersign entry create`, or see the agent log for the nearest entry'
    case 'ERR_WORKLOAD_API_UNIMPLEMENTED':
      return 'the agent does not offer what this program needs of the Workload API: does SPIFFE_ENDPOINT_SOCKET name the socket of a SPIFFE agent?'
    case 'ERR_WORKLOAD_API_INVALID_ARGUMENT':
      return 'the agent does not understand the request: does SPIFFE_ENDPOINT_SOCKET name the socket of a SPIFFE agent?'
    default:
      return 'no identity came in time: is the agent running, and does SPIFFE_ENDPOINT_SOCKET name its socket?'
  }
}
