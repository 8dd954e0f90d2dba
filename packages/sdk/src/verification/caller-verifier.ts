import {
  AudiencePolicy,
  formatAcceptSignature,
  InProcessReplayMemory,
  PolicyError,
  type ReplayMemory,
  type WitProfile,
} from '@countersign/protocol'
import { type DecisionOptions, DecisionRecorder } from '../audit/decision-recorder.ts'
import type { Policy } from '../authorization/policy.ts'
import { type TransactionOptions, TransactionVerifier } from '../exchange/transaction-verifier.ts'
import { ResponseSigner } from '../presentation/response-signer.ts'
import { DEFAULT_MAX_SIGNED_BODY_BYTES } from '../presentation/signed-body.ts'
import { DEFAULT_RUNTIME } from '../workload-runtime.ts'
import { challengeOf } from './access-challenge.ts'
import { missingAccessToken } from './access-token-error.ts'
import type { AccessTokenOptions } from './access-token-options.ts'
import { AccessVerifier } from './access-verifier.ts'
import type { Answer } from './answer.ts'
import { type Authenticated, Authenticator, type SignedCall } from './authenticator.ts'
import { BearerTokenError } from './bearer-token-error.ts'
import { type AcceptedBindings, BindingPolicy } from './binding.ts'
import type { CallAuthorization } from './call-authorization.ts'
import type { Caller } from './caller.ts'
import type { IncomingCall } from './incoming-call.ts'
import { problemAnswer } from './problem.ts'
import type { VerifyingWorkload } from './verifying-workload.ts'

const DEFAULT_MAX_CREDENTIAL_LIFETIME_SECONDS = 86_400

export interface VerifyCallerOptions extends DecisionOptions {
  /** Supplies whom to trust, the clock, and the identity that signs responses. */
  readonly workload: VerifyingWorkload
  /**
   * Under which names clients reach this service: base URLs (`https://orders.example`), to which the request's path is
   * added, or other agreed values. Never taken from the request.
   */
  readonly audience: string | readonly string[]
  /** Who may call. There is no default: every trusted domain's every workload is rarely what is meant. */
  readonly policy: Policy
  /** How callers may prove who they are, for all or for each. Default: every proof, and no bearer tokens. */
  readonly accept?: AcceptedBindings
  /** Sign responses to signed requests even where the caller did not ask for it. */
  readonly signResponses?: boolean
  /** Largest content of a signed request or response, in bytes; default 4 MiB. It is held in memory. */
  readonly maxSignedBodyBytes?: number
  /** Lower-case names of further fields this service reads as tokens; a proof must cover each that is present. */
  readonly otherTokenFields?: readonly string[]
  /** Tolerated clock difference in seconds, default 30. */
  readonly clockSkewSeconds?: number
  /**
   * Which identity tokens count: SPIFFE's WIT-SVIDs (default), or also plain WIMSE ones, with `wimse` identifiers and
   * EdDSA.
   */
  readonly profile?: WitProfile
  /** Longest life of an identity token in seconds, default 86 400: "hours or less", says the draft. */
  readonly maxCredentialLifetimeSeconds?: number
  /** Furthest a proof may expire ahead, in seconds, default 300. */
  readonly maxProofLifetimeSeconds?: number
  /** Default: exact memory of this process. Replicas that share an audience need a shared one. */
  readonly replayMemory?: ReplayMemory
  /** How transaction tokens are taken. Without it they are not looked at, and no call is made in a transaction. */
  readonly transactions?: TransactionOptions
  /** How access tokens are taken that come beside the caller's proof. Without it they are not verified. */
  readonly accessTokens?: CallerAccessOptions
}

/** As of `verifyAccessToken`; the tolerated clock difference is that of `verifyCaller`. */
export interface CallerAccessOptions extends Omit<AccessTokenOptions, 'clockSkewSeconds' | 'baseUrl'> {
  /** False lets requests without an access token through; one that comes must hold. Default true. */
  readonly required?: boolean
  /** URL by which clients reach this service: DPoP proofs name it. Default: the first URL of `audience` of `verifyCaller`, and
   * without one there the first of these audiences that is a URL. */
  readonly baseUrl?: string
}

/** Either a caller, or why not. */
type CallerOutcome =
  | { readonly caller: Caller; readonly failure?: undefined }
  | { readonly caller: Caller | undefined; readonly failure: { readonly error: unknown } }

export type Verdict =
  | { readonly caller: Caller; readonly signer: ResponseSigner | undefined; readonly answer?: undefined }
  | { readonly caller?: undefined; readonly signer?: undefined; readonly answer: Answer }

/** Decides about requests: verifies who calls, then asks the policy. Shared by the middleware of every framework. */
export class CallerVerifier {
  readonly #options: VerifyCallerOptions
  readonly #bindings: BindingPolicy
  readonly #authenticator: Authenticator
  readonly #transactions: TransactionVerifier | undefined
  readonly #access: AccessVerifier | undefined
  readonly #recorder: DecisionRecorder
  readonly #acceptSignature: string
  readonly #maxSignedBodyBytes: number

  /** @throws TypeError when audience or policy is missing */
  constructor(options: VerifyCallerOptions) {
    if (typeof options.policy !== 'function') throw new TypeError('verifyCaller needs a policy: who may call?')
    const { workload, clockSkewSeconds, maxProofLifetimeSeconds, otherTokenFields = [] } = options
    const audiences = typeof options.audience === 'string' ? [options.audience] : options.audience
    this.#options = options
    this.#recorder = new DecisionRecorder(options, 'verifyCaller')
    this.#transactions = options.transactions && new TransactionVerifier(options.transactions, clockSkewSeconds)
    const skew = clockSkewSeconds === undefined ? {} : { clockSkewSeconds }
    const [baseUrl] = audiences.filter(isUrl)
    const address = baseUrl === undefined ? {} : { baseUrl }
    this.#access =
      options.accessTokens &&
      new AccessVerifier({ ...address, ...skew, ...options.accessTokens }, { ...DEFAULT_RUNTIME, ...workload.runtime })
    this.#bindings = new BindingPolicy(options.accept)
    this.#acceptSignature = formatAcceptSignature({ otherTokenFields })
    this.#maxSignedBodyBytes = options.maxSignedBodyBytes ?? DEFAULT_MAX_SIGNED_BODY_BYTES
    this.#authenticator = new Authenticator({
      trust: workload.trust,
      clock: () => workload.runtime.now(),
      jwtTrust: () => {
        if (workload.jwtTrust === undefined) throw new TypeError('this workload has no keys of bearer tokens')
        return workload.jwtTrust()
      },
      bindings: this.#bindings,
      audience: parseAudiences(audiences),
      audiences,
      replayMemory: options.replayMemory ?? new InProcessReplayMemory(),
      profile: options.profile ?? 'wit-svid',
      maxCredentialLifetimeSeconds: options.maxCredentialLifetimeSeconds ?? DEFAULT_MAX_CREDENTIAL_LIFETIME_SECONDS,
      maxSignedBodyBytes: this.#maxSignedBodyBytes,
      otherTokenFields,
      ...(clockSkewSeconds === undefined ? {} : { clockSkewSeconds }),
      ...(maxProofLifetimeSeconds === undefined ? {} : { maxProofLifetimeSeconds }),
    })
  }

  /**
   * @throws CredentialError, ProofError, SignatureError, CertificateError, RequestError when the caller is not authentic
   * @throws PolicyError when the caller is authentic and may not do this
   * @throws what the policy or `onDecision` threw; reported before
   */
  async verify(call: IncomingCall): Promise<Caller> {
    const { outcome } = await this.#decide(call)
    if (outcome.failure !== undefined) throw outcome.failure.error
    return outcome.caller
  }

  /** As {@link verify}, with what middleware must do about it: sign the response, or send this answer. Never rejects. */
  async judge(call: IncomingCall): Promise<Verdict> {
    try {
      const { outcome, signed } = await this.#decide(call)
      const signer = signed && this.#signerOf(signed)
      if (outcome.failure === undefined) return { caller: outcome.caller, signer }
      return { answer: await this.#answer(outcome.failure.error, signer) }
    } catch (error) {
      return { answer: await this.#answer(error, undefined) }
    }
  }

  async #decide(call: IncomingCall): Promise<{ outcome: CallerOutcome; signed: SignedCall | undefined }> {
    const now = this.#options.workload.runtime.now()
    const { outcome, signed } = await this.#authorize(call, now)
    this.#recorder.record(call, now, outcome)
    return { outcome, signed }
  }

  async #authorize(
    call: IncomingCall,
    now: number,
  ): Promise<{ outcome: CallerOutcome; signed: SignedCall | undefined }> {
    let caller: Caller | undefined
    let signed: SignedCall | undefined
    try {
      const authenticated = await this.#authenticator.authenticate(call, now)
      ;({ caller, signed } = authenticated)
      // The binding was picked by what an unknown sender sent; now that it is known, it may not be for them.
      this.#bindings.require(caller.binding, caller.id)
      // The content of a signed request has been read by now, at the pace of its sender: tokens may have ended meanwhile.
      const { now: clock } = this.#options.workload.runtime
      if (this.#transactions !== undefined) {
        caller = { ...caller, transaction: await this.#transactions.verify(caller, clock()) }
      }
      if (this.#access !== undefined) {
        caller = { ...caller, authorization: await this.#verifyAccess(this.#access, authenticated, call, clock()) }
      }
      const allowed = await this.#options.policy(caller, call)
      // Only `true` is a yes: a policy that forgets to answer denies.
      if (allowed !== true) {
        throw new PolicyError('ERR_POLICY_DENIED', 'caller may not do this', { detail: caller.id.toString() })
      }
      return { outcome: { caller }, signed }
    } catch (error) {
      return { outcome: { caller, failure: { error } }, signed }
    }
  }

  async #verifyAccess(
    access: AccessVerifier,
    { caller, witKey }: Authenticated,
    call: IncomingCall,
    now: number,
  ): Promise<CallAuthorization | undefined> {
    // A bearer token in the same field says who calls. It authorizes nothing.
    const isMissing = caller.binding === 'bearer' || caller.accessToken === undefined
    if (isMissing && this.#options.accessTokens?.required === false) return undefined
    if (isMissing) throw missingAccessToken()
    return access.verify(call, now, { id: caller.id.toString(), key: witKey })
  }

  #signerOf(signed: SignedCall): ResponseSigner | undefined {
    if (!signed.signResponse && this.#options.signResponses !== true) return undefined
    const { workload } = this.#options
    return new ResponseSigner(workload, signed, this.#maxSignedBodyBytes)
  }

  async #answer(error: unknown, signer: ResponseSigner | undefined): Promise<Answer> {
    const answer = problemAnswer(error, this.#challenge(error))
    try {
      return signer === undefined ? answer : { ...answer, rawHeaders: await signer.sign(answer) }
    } catch {
      // A refusal may go out unsigned; only success may not.
      return answer
    }
  }

  /** What would have been accepted instead. */
  #challenge(error: unknown): readonly string[] {
    // RFC 6750 section 3.
    if (this.#access !== undefined) {
      const challenge = challengeOf(error, this.#access, this.#options.workload.runtime.now())
      if (challenge.length > 0) return challenge
    }
    if (error instanceof BearerTokenError) return ['www-authenticate', 'Bearer error="invalid_token"']
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const asks = this.#bindings.mayCount('http-signature') && ASKS_FOR_SIGNATURE.has(code)
    return asks ? ['accept-signature', this.#acceptSignature] : []
  }
}

/** Refusals that a signature might have avoided. */
const ASKS_FOR_SIGNATURE: ReadonlySet<string> = new Set([
  'ERR_CREDENTIAL_MISSING',
  'ERR_PROOF_MISSING',
  'ERR_SIGNATURE_MISSING',
  'ERR_SIGNATURE_TAG',
  'ERR_SIGNATURE_COMPONENT_UNCOVERED',
  'ERR_POLICY_PROOF_NOT_ACCEPTED',
])

const isUrl = (value: string) => /^https?:\/\//i.test(value)

function parseAudiences(values: readonly string[]): AudiencePolicy {
  return new AudiencePolicy({ baseUrls: values.filter(isUrl), accepted: values.filter((value) => !isUrl(value)) })
}
