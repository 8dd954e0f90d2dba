import {
  AudiencePolicy,
  InProcessReplayMemory,
  PolicyError,
  type ReceivedRequest,
  type ReplayMemory,
  RequestVerifier,
  type TrustStore,
  type WitProfile,
  WitVerifier,
  WptVerifier,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { type Decision, decisionOf, type Outcome } from '../audit/decision.ts'
import type { Policy } from '../authorization/policy.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import type { Caller } from './caller.ts'
import { problemOf } from './problem.ts'

const DEFAULT_MAX_CREDENTIAL_LIFETIME_SECONDS = 86_400

export interface VerifyCallerOptions {
  /** Supplies whom to trust and the clock. */
  readonly workload: { readonly trust: TrustStore; readonly runtime: Pick<WorkloadRuntime, 'now'> }
  /**
   * Under which names clients reach this service: base URLs (`https://orders.example`), to which the request's path is
   * added, or other agreed values. Never taken from the request.
   */
  readonly audience: string | readonly string[]
  /** Who may call. There is no default: every trusted domain's every workload is rarely what is meant. */
  readonly policy: Policy
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
  /** Told of every decision, once. A request whose decision it does not take is answered 500. */
  readonly onDecision?: (decision: Decision) => void
  /** Told of what a policy or `onDecision` threw; the caller is told nothing but 500. Default: a process warning. */
  readonly onError?: (error: unknown) => void
}

/** A request as middleware hands it over. */
export interface IncomingCall extends ReceivedRequest {
  readonly method: string
}

/** Decides about requests: verifies who calls, then asks the policy. Shared by the middleware of every framework. */
export class CallerVerifier {
  readonly #options: VerifyCallerOptions
  readonly #verifier: RequestVerifier
  readonly #report: (error: unknown) => void

  constructor(options: VerifyCallerOptions) {
    if (typeof options.policy !== 'function') throw new TypeError('verifyCaller needs a policy: who may call?')
    const audience = parseAudience(options.audience)
    const crypto = nodeCrypto
    const skew = options.clockSkewSeconds === undefined ? {} : { clockSkewSeconds: options.clockSkewSeconds }
    this.#options = options
    this.#report = options.onError ?? warn
    this.#verifier = new RequestVerifier({
      wit: new WitVerifier({
        trust: options.workload.trust,
        crypto,
        profile: options.profile ?? 'wit-svid',
        maxLifetimeSeconds: options.maxCredentialLifetimeSeconds ?? DEFAULT_MAX_CREDENTIAL_LIFETIME_SECONDS,
        ...skew,
      }),
      wpt: new WptVerifier({
        crypto,
        audience,
        replayMemory: options.replayMemory ?? new InProcessReplayMemory(),
        ...skew,
        ...(options.maxProofLifetimeSeconds === undefined
          ? {}
          : { maxLifetimeSeconds: options.maxProofLifetimeSeconds }),
      }),
      otherTokenFields: options.otherTokenFields ?? [],
    })
  }

  /**
   * @throws CredentialError, ProofError, RequestError when the caller is not authentic
   * @throws PolicyError when the caller is authentic and may not do this
   * @throws what the policy or `onDecision` threw; reported before
   */
  async verify(call: IncomingCall): Promise<Caller> {
    const now = this.#options.workload.runtime.now()
    const outcome = await this.#decide(call, now)
    if (outcome.failure !== undefined && problemOf(outcome.failure.error) === undefined) {
      this.#report(outcome.failure.error)
    }
    try {
      this.#options.onDecision?.(decisionOf(call, now, outcome))
    } catch (error) {
      this.#report(error)
      throw error
    }
    if (outcome.failure !== undefined) throw outcome.failure.error
    return outcome.caller
  }

  async #decide(call: IncomingCall, now: number): Promise<Outcome> {
    let caller: Caller | undefined
    try {
      const { subject, wit, proof, accessToken, txnToken } = await this.#verifier.verify(call, now)
      caller = {
        id: subject,
        binding: 'wpt',
        expiresAt: wit.expiresAt,
        claims: wit.claims,
        audience: proof.audience,
        accessToken,
        txnToken,
      }
      const allowed = await this.#options.policy(caller, call)
      // Only `true` is a yes: a policy that forgets to answer denies.
      if (allowed !== true) {
        throw new PolicyError('ERR_POLICY_DENIED', 'caller may not do this', { detail: caller.id.toString() })
      }
      return { caller }
    } catch (error) {
      return { caller, failure: { error } }
    }
  }
}

function warn(error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : 'something that is no error was thrown'
  process.emitWarning(`verifyCaller answered 500: ${reason}`, 'CountersignWarning')
}

function parseAudience(audience: string | readonly string[]): AudiencePolicy {
  const values = typeof audience === 'string' ? [audience] : audience
  const isUrl = (value: string) => /^https?:\/\//i.test(value)
  return new AudiencePolicy({ baseUrls: values.filter(isUrl), accepted: values.filter((value) => !isUrl(value)) })
}
