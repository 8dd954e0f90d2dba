import type { TrustStore, WorkloadId } from '@countersign/protocol'
import type { HeldIdentity } from './identity/held-identity.ts'
import type { WitTrust } from './identity/wit-trust.ts'
import { type ProofFetchOptions, proofFetch, type WorkloadRequestInit } from './presentation/proof-fetch.ts'
import { SdkError } from './sdk-error.ts'
import type { WorkloadRuntime } from './workload-runtime.ts'

/**
 * This program as others see it: who it is, and the means to prove it. Kept current by the Workload API for as long as
 * it is open.
 */
export class Workload implements AsyncDisposable {
  readonly runtime: WorkloadRuntime
  readonly #trust: WitTrust
  readonly #proofFetch: ProofFetchOptions
  readonly #closing: () => void
  #identities: readonly HeldIdentity[] = []
  #closed = false

  /** Use `connect()`. */
  constructor(runtime: WorkloadRuntime, trust: WitTrust, options: ProofFetchOptions, closing: () => void) {
    this.runtime = runtime
    this.#trust = trust
    this.#proofFetch = options
    this.#closing = closing
  }

  /** Who this program is. @throws SdkError as {@link identity} */
  get id(): WorkloadId {
    return this.identity.id
  }

  /**
   * The default identity, ready to make proofs.
   *
   * @throws SdkError `ERR_SDK_IDENTITY_WITHDRAWN` when the agent no longer gives this program one
   * @throws SdkError `ERR_SDK_IDENTITY_EXPIRED` when it could not be renewed in time
   * @throws SdkError `ERR_SDK_CLOSED`
   */
  get identity(): HeldIdentity {
    const [identity] = this.#identities
    if (this.#closed) throw new SdkError('ERR_SDK_CLOSED', 'the workload is closed')
    if (identity === undefined) {
      throw new SdkError('ERR_SDK_IDENTITY_WITHDRAWN', 'the agent has no identity for this program any more')
    }
    if (identity.expiresAt <= this.runtime.now()) {
      throw new SdkError('ERR_SDK_IDENTITY_EXPIRED', 'the identity of this program has expired and was not renewed')
    }
    return identity
  }

  /** All identities this program holds, the default one first. */
  get identities(): readonly HeldIdentity[] {
    return this.#identities
  }

  /** Whom this program may believe, by origin. Current at every moment. */
  get trust(): TrustStore {
    return this.#trust.store
  }

  /**
   * `fetch` with proof of who calls: adds this program's identity token, and a proof made for this one request that also
   * binds an access token or transaction token the request carries.
   *
   * Redirects are not followed: the proof is for the address asked, and its token is nobody else's business.
   *
   * @throws SdkError as {@link identity}, and `ERR_SDK_REQUEST` when the request sets a field that only this call may set
   *   or asks for redirects to be followed
   * @throws RequestError `ERR_REQUEST_AUTHORIZATION` when the access token it carries is malformed
   */
  readonly fetch = async (input: string | URL | Request, init?: WorkloadRequestInit): Promise<Response> =>
    proofFetch(this.identity, this.runtime, this.#proofFetch, input, init)

  /** For `connect()` alone. */
  replaceIdentities(identities: readonly HeldIdentity[]): void {
    this.#identities = identities
  }

  /** Ends all streams to the agent. Without them trust would grow old unseen, so nobody is trusted any more either. */
  close(): void {
    this.#closed = true
    this.#closing()
    this.#identities = []
    this.#trust.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
