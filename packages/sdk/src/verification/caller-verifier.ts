import {
  AudiencePolicy,
  formatAcceptSignature,
  InProcessReplayMemory,
  PolicyError,
  type ReplayMemory,
  type WitProfile,
} from '@countersign/protocol'
import { type Decision, decisionOf, type Outcome } from '../audit/decision.ts'
import type { Policy } from '../authorization/policy.ts'
import { AccessTokenAuthorizer, type AccessTokenOptions } from '../exchange/access-token-authorizer.ts'
import { type TransactionOptions, TransactionVerifier } from '../exchange/transaction-verifier.ts'
import { ResponseSigner } from '../presentation/response-signer.ts'
import { DEFAULT_MAX_SIGNED_BODY_BYTES } from '../presentation/signed-body.ts'
import { Authenticator, type SignedCall } from './authenticator.ts'
import { BearerTokenError } from './bearer-token-error.ts'
import { type AcceptedBindings, BindingPolicy } from './binding.ts'
import type { Caller } from './caller.ts'
import type { IncomingCall } from './incoming-call.ts'
import { answerTo, PROBLEM_MEDIA_TYPE, problemOf } from './problem.ts'
import type { VerifyingWorkload } from './verifying-workload.ts'

const DEFAULT_MAX_CREDENTIAL_LIFETIME_SECONDS = 86_400

export interface VerifyCallerOptions {
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
  /** How access tokens are taken. Without it they are handed on as they came, not verified. */
  readonly accessTokens?: AccessTokenOptions
  /** Told of every decision, once. A request whose decision it does not take is answered 500. */
  readonly onDecision?: (decision: Decision) => void
  /** Told of what a policy or `onDecision` threw; the caller is told nothing but 500. Default: a process warning. */
  readonly onError?: (error: unknown) => void
}

/** A refusal as it goes out. */
export interface Answer {
  readonly status: number
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly body: Uint8Array
}

export type Verdict =
  | { readonly caller: Caller; readonly signer: ResponseSigner | undefined; readonly answer?: undefined }
  | { readonly caller?: undefined; readonly signer?: undefined; readonly answer: Answer }

/** Decides about requests: verifies who calls, then asks the policy. Shared by the middleware of every framework. */
export class CallerVerifier {
  readonly #options: VerifyCallerOptions
  readonly #bindings: BindingPolicy
  readonly #authenticator: Authenticator
  readonly #transactions: TransactionVerifier | undefined
  readonly #accessTokens: AccessTokenAuthorizer | undefined
  readonly #report: (error: unknown) => void
  readonly #acceptSignature: string
  readonly #maxSignedBodyBytes: number

  /** @throws TypeError when audience or policy is missing */
  constructor(options: VerifyCallerOptions) {
    if (typeof options.policy !== 'function') throw new TypeError('verifyCaller needs a policy: who may call?')
    const { workload, clockSkewSeconds, maxProofLifetimeSeconds, otherTokenFields = [] } = options
    const audiences = typeof options.audience === 'string' ? [options.audience] : options.audience
    this.#options = options
    this.#report = options.onError ?? warn
    this.#transactions = options.transactions && new TransactionVerifier(options.transactions, clockSkewSeconds)
    this.#accessTokens = options.accessTokens && new AccessTokenAuthorizer(options.accessTokens, clockSkewSeconds)
    this.#bindings = new BindingPolicy(options.accept)
    this.#acceptSignature = formatAcceptSignature({ otherTokenFields })
    this.#maxSignedBodyBytes = options.maxSignedBodyBytes ?? DEFAULT_MAX_SIGNED_BODY_BYTES
    this.#authenticator = new Authenticator({
      trust: workload.trust,
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

  async #decide(call: IncomingCall): Promise<{ outcome: Outcome; signed: SignedCall | undefined }> {
    const now = this.#options.workload.runtime.now()
    const { outcome, signed } = await this.#authorize(call, now)
    if (outcome.failure !== undefined && problemOf(outcome.failure.error) === undefined) {
      this.#report(outcome.failure.error)
    }
    try {
      this.#options.onDecision?.(decisionOf(call, now, outcome))
    } catch (error) {
      this.#report(error)
      throw error
    }
    return { outcome, signed }
  }

  async #authorize(call: IncomingCall, now: number): Promise<{ outcome: Outcome; signed: SignedCall | undefined }> {
    let caller: Caller | undefined
    let signed: SignedCall | undefined
    try {
      ;({ caller, signed } = await this.#authenticator.authenticate(call, now))
      // The binding was picked by what an unknown sender sent; now that it is known, it may not be for them.
      this.#bindings.require(caller.binding, caller.id)
      if (this.#transactions !== undefined) {
        caller = { ...caller, transaction: await this.#transactions.verify(caller, now) }
      }
      if (this.#accessTokens !== undefined) {
        caller = { ...caller, authorization: await this.#accessTokens.authorize(caller, now) }
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

  #signerOf(signed: SignedCall): ResponseSigner | undefined {
    if (!signed.signResponse && this.#options.signResponses !== true) return undefined
    const { workload } = this.#options
    return new ResponseSigner(workload, signed, this.#maxSignedBodyBytes)
  }

  async #answer(error: unknown, signer: ResponseSigner | undefined): Promise<Answer> {
    const problem = answerTo(error)
    const body = new TextEncoder().encode(JSON.stringify(problem))
    const rawHeaders = ['content-type', PROBLEM_MEDIA_TYPE, 'cache-control', 'no-store', ...this.#challenge(error)]
    const answer = { status: problem.status, rawHeaders, body }
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

function warn(error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : 'something that is no error was thrown'
  process.emitWarning(`verifyCaller answered 500: ${reason}`, 'CountersignWarning')
}

function parseAudiences(values: readonly string[]): AudiencePolicy {
  const isUrl = (value: string) => /^https?:\/\//i.test(value)
  return new AudiencePolicy({ baseUrls: values.filter(isUrl), accepted: values.filter((value) => !isUrl(value)) })
}
