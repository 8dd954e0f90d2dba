import { PolicyError } from '@countersign/protocol'
import { type DecisionOptions, DecisionRecorder } from '../audit/decision-recorder.ts'
import type { PolicyRequest } from '../authorization/policy.ts'
import { DEFAULT_RUNTIME, type WorkloadRuntime } from '../workload-runtime.ts'
import { challengeOf } from './access-challenge.ts'
import type { AccessTokenOptions } from './access-token-options.ts'
import { AccessVerifier } from './access-verifier.ts'
import type { Answer } from './answer.ts'
import type { CallAuthorization } from './call-authorization.ts'
import type { IncomingCall } from './incoming-call.ts'
import { problemAnswer } from './problem.ts'
import { type ProtectedResource, protectedResource } from './protected-resource.ts'

export interface VerifyAccessTokenOptions extends AccessTokenOptions, DecisionOptions {
  /** What may be done, beyond `scopes`. Only `true` is a yes. */
  readonly policy?: (authorization: CallAuthorization, request: PolicyRequest) => boolean | Promise<boolean>
  /**
   * Whether the service's metadata are served at their well-known path, to anybody, and named in challenges. Default true.
   * The middleware must see that path: mount it for the whole origin.
   */
  readonly serveMetadata?: boolean
  /** For people, in the metadata. */
  readonly name?: string
  readonly runtime?: Partial<WorkloadRuntime>
}

export type AccessVerdict =
  /** `rawHeaders` go with the response. */
  | { readonly authorization: CallAuthorization; readonly rawHeaders: readonly string[]; readonly answer?: undefined }
  | { readonly authorization?: undefined; readonly answer: Answer }

const METADATA_MAX_AGE_SECONDS = 300

/** Decides about requests by their access tokens alone. Shared by the middleware of every framework. */
export class ResourceGuard {
  readonly #options: VerifyAccessTokenOptions
  readonly #verifier: AccessVerifier
  readonly #recorder: DecisionRecorder
  readonly #resource: ProtectedResource | undefined
  readonly #now: () => number

  /** @throws TypeError as `readAccessOptions`; without scopes and policy, which would let every token do everything */
  constructor(options: VerifyAccessTokenOptions) {
    const runtime = { ...DEFAULT_RUNTIME, ...options.runtime }
    this.#options = options
    this.#verifier = new AccessVerifier(options, runtime)
    if (this.#verifier.settings.scopes.length === 0 && typeof options.policy !== 'function') {
      throw new TypeError('verifyAccessToken needs scopes or a policy: what may a token do here?')
    }
    this.#recorder = new DecisionRecorder(options, 'verifyAccessToken')
    this.#resource = options.serveMetadata === false ? undefined : protectedResource(options)
    this.#now = runtime.now
  }

  /** Never rejects. */
  async judge(call: IncomingCall): Promise<AccessVerdict> {
    const metadata = this.#metadataFor(call)
    if (metadata !== undefined) return { answer: metadata }
    const now = this.#now()
    try {
      const authorization = await this.#authorize(call, now)
      const nonce = this.#verifier.nonceAt(now)
      return { authorization, rawHeaders: nonce === undefined ? [] : ['dpop-nonce', nonce] }
    } catch (error) {
      return { answer: problemAnswer(error, challengeOf(error, this.#verifier, now, this.#resource?.url)) }
    }
  }

  async #authorize(call: IncomingCall, now: number): Promise<CallAuthorization> {
    let authorization: CallAuthorization | undefined
    try {
      authorization = await this.#verifier.verify(call, now)
      if (this.#options.policy !== undefined && (await this.#options.policy(authorization, call)) !== true) {
        throw new PolicyError('ERR_POLICY_DENIED', 'caller may not do this', {
          detail: authorization.subject.slice(0, 200),
        })
      }
    } catch (error) {
      this.#recorder.record(call, now, { caller: undefined, authorization, failure: { error } })
      throw error
    }
    this.#recorder.record(call, now, { caller: undefined, authorization })
    return authorization
  }

  /** RFC 9728 section 3: for anybody, before they have a token. */
  #metadataFor({ method, target }: IncomingCall): Answer | undefined {
    const resource = this.#resource
    if (resource === undefined || target.replace(/\?.*$/s, '') !== resource.path) return undefined
    if (method !== 'GET' && method !== 'HEAD') return undefined
    return {
      status: 200,
      rawHeaders: ['content-type', 'application/json', 'cache-control', `public, max-age=${METADATA_MAX_AGE_SECONDS}`],
      body: new TextEncoder().encode(JSON.stringify(resource.document)),
    }
  }
}
