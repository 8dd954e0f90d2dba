import type { TrustStore } from '@countersign/protocol'
import { currentTransaction } from '../context/call-context.ts'
import type { HeldIdentity } from '../identity/held-identity.ts'
import { SdkError } from '../sdk-error.ts'
import type { MutualTls } from '../tls/mutual-tls.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { AskedSignatures } from './asked-signatures.ts'
import { boundTokens, isRepeatable, type OutgoingRequest, readOutgoingRequest } from './outgoing-request.ts'
import { problemCode, SignedFetch } from './signed-fetch.ts'
import { readTarget, type Target, TargetMap, type TargetSettings, type Targets } from './target.ts'

export interface ProofFetchOptions {
  /** Further fields that carry tokens; each one sent is bound by the proof. Lower case. */
  readonly otherTokenFields: readonly string[]
  /** How to prove what to whom, where no call says otherwise. */
  readonly targets: Targets | undefined
  /** Largest content that is signed, or verified, in bytes. */
  readonly maxSignedBodyBytes: number
}

/** What `fetch` takes, and how to prove this one request. */
export interface WorkloadRequestInit extends RequestInit, TargetSettings {}

export interface ProofFetchSource {
  readonly runtime: WorkloadRuntime
  readonly trust: TrustStore
  /** The default identity. @throws SdkError when there is none */
  readonly identity: HeldIdentity
  readonly mutualTls: () => Promise<MutualTls>
}

/** Refusals after which the same request, signed, may fare better: none of them is given once a handler has run. */
const ASKS_FOR_SIGNATURE = /^ERR_(CREDENTIAL_MISSING|PROOF_MISSING|SIGNATURE_[A-Z_]+|POLICY_PROOF_NOT_ACCEPTED)$/

/** `fetch` with proof of who calls, by whichever binding the target takes. */
export class ProofFetch {
  readonly #source: ProofFetchSource
  readonly #options: ProofFetchOptions
  readonly #targets: TargetMap
  readonly #signed: SignedFetch
  readonly #asked = new AskedSignatures()

  /** @throws SdkError, TypeError, IdentifierError when the targets make no sense */
  constructor(source: ProofFetchSource, options: ProofFetchOptions) {
    this.#source = source
    this.#options = options
    this.#targets = new TargetMap(options.targets)
    this.#signed = new SignedFetch(source.trust, options.maxSignedBodyBytes)
  }

  async send(input: string | URL | Request, init: WorkloadRequestInit = {}): Promise<Response> {
    const { proof, peer, signResponse, audience, transaction, ...rest } = init
    const outgoing = readOutgoingRequest(input, rest)
    const own = { proof, peer, signResponse, audience, transaction } as const
    const stated = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined))
    const target = readTarget({ ...this.#targets.settingsOf(outgoing.url), ...stated })
    if (!target.withholdsTransaction) await addTransaction(outgoing.headers)
    const fetch = await this.#transport(outgoing.url, target)
    switch (target.message) {
      case 'wpt':
        return this.#withWpt(fetch, outgoing, target)
      case 'http-signature':
        return this.#withSignature(fetch, outgoing, target)
      case 'accept-signature':
        return this.#asAsked(fetch, outgoing, target)
      case undefined:
        return fetch(outgoing.input, { ...outgoing.init, headers: outgoing.headers })
    }
  }

  async #transport(url: URL, target: Target): Promise<WorkloadRuntime['fetch']> {
    if (!target.mtls) return this.#source.runtime.fetch
    if (url.protocol !== 'https:') throw new SdkError('ERR_SDK_REQUEST', 'mutual TLS needs an https address')
    const mutualTls = await this.#source.mutualTls()
    const peer = target.peer === undefined ? {} : { peer: target.peer }
    return (input, init) => mutualTls.fetch(input, { ...init, ...peer })
  }

  /** @see draft-ietf-wimse-wpt, "Workload Proof Token" */
  async #withWpt(
    fetch: WorkloadRuntime['fetch'],
    { url, input, init, headers: given }: OutgoingRequest,
    target: Target,
  ): Promise<Response> {
    const { identity, runtime } = this.#source
    const headers = new Headers(given)
    headers.set('workload-identity-token', identity.wit)
    headers.set(
      'workload-proof-token',
      await identity.proofs.build({
        audience: target.audience ?? url.origin + url.pathname,
        now: runtime.now(),
        ...boundTokens(headers, this.#options.otherTokenFields),
      }),
    )
    return fetch(input, { ...init, headers })
  }

  #withSignature(fetch: WorkloadRuntime['fetch'], outgoing: OutgoingRequest, target: Target): Promise<Response> {
    const { identity, runtime } = this.#source
    return this.#signed.send(identity, runtime, fetch, outgoing, target, this.#asked.get(outgoing.url.origin))
  }

  /** @see RFC 9421 section 5.2: a service asks by its response */
  async #asAsked(fetch: WorkloadRuntime['fetch'], outgoing: OutgoingRequest, target: Target): Promise<Response> {
    const { origin } = outgoing.url
    if (this.#asked.get(origin) !== undefined) return this.#withSignature(fetch, outgoing, target)
    const response = await this.#withWpt(fetch, outgoing, target)
    const asks = this.#asked.note(origin, response)
    if (!asks || !isRepeatable(outgoing) || (response.status !== 400 && response.status !== 403)) return response
    const code = await problemCode(response.clone() as Response)
    if (code === undefined || !ASKS_FOR_SIGNATURE.test(code)) return response
    await response.body?.cancel()
    return this.#withSignature(fetch, outgoing, target)
  }
}

/**
 * Each call is made in the transaction of the request it is made for, by the token as it was received.
 *
 * @see draft-ietf-oauth-transaction-tokens, "Txn-Token Validation"
 */
async function addTransaction(headers: Headers): Promise<void> {
  const token = await currentTransaction()?.token()
  if (token === undefined) return
  const given = headers.get('txn-token')
  if (given !== null && given !== token) {
    throw new SdkError('ERR_SDK_REQUEST', 'the request has the token of another transaction than it is made in')
  }
  headers.set('txn-token', token)
}
