import type { TrustStore, WorkloadId } from '@countersign/protocol'
import type { ExchangeRequest } from './exchange/exchange-request.ts'
import type { ExchangedToken } from './exchange/exchanged-token.ts'
import { TokenClient } from './exchange/token-client.ts'
import type { TokenSource, TokenSourceOptions } from './exchange/token-source.ts'
import type { HeldIdentity } from './identity/held-identity.ts'
import type { TokenTrust } from './identity/token-trust.ts'
import { ProofFetch, type ProofFetchOptions, type WorkloadRequestInit } from './presentation/proof-fetch.ts'
import { SdkError } from './sdk-error.ts'
import type { MutualTls } from './tls/mutual-tls.ts'
import type { WorkloadRuntime } from './workload-runtime.ts'

/** What a workload asks its agent for only when it is needed. */
export interface OnDemand {
  /** @throws SdkError `ERR_SDK_NO_IDENTITY` when nothing came in time */
  readonly jwtTrust: () => Promise<TrustStore>
  /** @throws SdkError `ERR_SDK_NO_IDENTITY` when nothing came in time */
  readonly mutualTls: () => Promise<MutualTls>
  /** Whom this program's certificate names. @throws SdkError as `X509Source.identity` */
  readonly certificateId: () => WorkloadId
  /** A JWT-SVID of the default identity. @throws WorkloadApiError `ERR_WORKLOAD_API_*`, SdkError `ERR_SDK_WORKLOAD_API` */
  readonly jwtSvid: (audience: readonly string[]) => Promise<string>
}

/**
 * This program as others see it: who it is, and the means to prove it. Kept current by the Workload API for as long as
 * it is open.
 */
export class Workload implements AsyncDisposable {
  readonly runtime: WorkloadRuntime
  readonly #trust: TokenTrust
  readonly #proofFetch: ProofFetch
  readonly #tokens: TokenClient
  readonly #onDemand: OnDemand
  readonly #closing: () => void
  #identities: readonly HeldIdentity[] = []
  #hasTokens = true
  #closed = false

  /** Use `connect()`. */
  constructor(
    runtime: WorkloadRuntime,
    trust: TokenTrust,
    options: ProofFetchOptions,
    onDemand: OnDemand,
    closing: () => void,
  ) {
    this.runtime = runtime
    this.#trust = trust
    this.#onDemand = onDemand
    this.#closing = closing
    this.#proofFetch = new ProofFetch(this, options)
    this.#tokens = new TokenClient(this)
  }

  /** Who this program is. @throws SdkError as {@link identity}, but for an agent without identity tokens */
  get id(): WorkloadId {
    return this.#hasTokens ? this.identity.id : this.#onDemand.certificateId()
  }

  /**
   * The default identity, ready to make proofs.
   *
   * @throws SdkError `ERR_SDK_IDENTITY_WITHDRAWN` when the agent no longer gives this program one
   * @throws SdkError `ERR_SDK_IDENTITY_EXPIRED` when it could not be renewed in time
   * @throws SdkError `ERR_SDK_NO_TOKENS` when the agent issues certificates alone
   * @throws SdkError `ERR_SDK_CLOSED`
   */
  get identity(): HeldIdentity {
    const [identity] = this.#identities
    this.#requireOpen()
    if (!this.#hasTokens) {
      throw new SdkError(
        'ERR_SDK_NO_TOKENS',
        "the agent issues no workload identity tokens: use mutual TLS (`proof: 'mtls'`), or an agent with the WIT-SVID profile",
      )
    }
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
   * Keys of bearer tokens (JWT-SVIDs) by origin. Asked for at the first call, and current from then on.
   *
   * @throws SdkError `ERR_SDK_NO_IDENTITY` when they did not come in time; a later call asks again
   */
  readonly jwtTrust = async (): Promise<TrustStore> => {
    this.#requireOpen()
    return this.#onDemand.jwtTrust()
  }

  /**
   * Mutual TLS with this program's certificate, for servers and clients. Asked for at the first call, and current from
   * then on: certificates and trust are swapped while connections stay open.
   *
   * @throws SdkError `ERR_SDK_NO_IDENTITY` when no certificate came in time; a later call asks again
   */
  readonly mutualTls = async (): Promise<MutualTls> => {
    this.#requireOpen()
    return this.#onDemand.mutualTls()
  }

  /**
   * `fetch` with proof of who calls, made for this one request: a proof token beside this program's identity token, a
   * signature over the message, or this program's certificate. Which, is what `targets` or the call itself says.
   *
   * Redirects are not followed: the proof is for the address asked, and its token is nobody else's business.
   *
   * @throws SdkError as {@link identity}, and `ERR_SDK_REQUEST` when the request sets a field that only this call may set,
   *   asks for redirects to be followed, or for something that its proof cannot show
   * @throws SignatureError, CredentialError, SdkError `ERR_SDK_RESPONSE` when a response that must be signed is not, or not
   *   by the workload that was meant
   * @throws RequestError `ERR_REQUEST_AUTHORIZATION` when the access token it carries is malformed
   */
  readonly fetch = async (input: string | URL | Request, init?: WorkloadRequestInit): Promise<Response> => {
    this.#requireOpen()
    return this.#proofFetch.send(input, init)
  }

  /**
   * A JWT-SVID of the default identity, for those who take no better: whoever sees it can use it.
   *
   * @throws WorkloadApiError `ERR_WORKLOAD_API_*` when the agent gives none
   */
  readonly jwtSvid = async (audience: readonly string[]): Promise<string> => {
    this.#requireOpen()
    return this.#onDemand.jwtSvid(audience)
  }

  /**
   * Asks a token service for a token, by this program's identity: for the program itself, on behalf of somebody
   * (`subjectToken`), or for another domain's grant (`assertion`).
   *
   * @throws TokenRefusedError, SdkError, TypeError as `TokenClient.exchange`
   */
  readonly exchange = async (request: ExchangeRequest): Promise<ExchangedToken> => {
    this.#requireOpen()
    return this.#tokens.exchange(request)
  }

  /**
   * Keeps a token at hand, and puts it on requests: `workload.tokenSource({ issuer, audience }).fetch(url)`.
   *
   * @throws SdkError `ERR_SDK_CLOSED`, which the source throws too once the workload is closed
   * @throws SdkError, TypeError as `TokenClient.tokenSource`
   */
  readonly tokenSource = (options: TokenSourceOptions): TokenSource => {
    this.#requireOpen()
    return this.#tokens.tokenSource(options, () => this.#requireOpen())
  }

  /** For `connect()` alone. */
  replaceIdentities(identities: readonly HeldIdentity[]): void {
    this.#identities = identities
  }

  /** For `connect()` alone: this agent has certificates and nothing else. */
  goWithoutTokens(): void {
    this.#hasTokens = false
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

  #requireOpen(): void {
    if (this.#closed) throw new SdkError('ERR_SDK_CLOSED', 'the workload is closed')
  }
}
