import { create, type JsonObject } from '@bufbuild/protobuf'
import { errorCode, JwtSvidVerifier, TrustStore, WorkloadIdentityError } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import {
  type ValidateJWTSVIDRequest,
  type ValidateJWTSVIDResponse,
  ValidateJWTSVIDResponseSchema,
} from '@countersign/workload-api/server'
import type { AgentView } from '../state/agent-state.ts'
import type { Caller } from './caller.ts'
import { handleUnary } from './handle-unary.ts'
import { invalidArgument, unavailable } from './rpc-error.ts'
import type { ServiceContext } from './service-context.ts'
import { readyBundles } from './visible-bundles.ts'

/**
 * `ValidateJWTSVID`: believes only the trust domains that the caller itself may see.
 *
 * @see SPIFFE Workload API section 6.2.3
 */
export function validateJwtSvid(context: ServiceContext) {
  const verifiers = new VerifierMemo(context.trustDomain)
  return handleUnary<ValidateJWTSVIDRequest, ValidateJWTSVIDResponse>(context, {
    validate(request) {
      if (request.audience === '') throw invalidArgument('audience is missing')
      if (request.svid === '') throw invalidArgument('svid is missing')
    },
    async answer(request, caller) {
      const verifier = verifiers.get(caller)
      try {
        const verified = await verifier.verify(request.svid, request.audience, context.clock.now())
        const claims = { ...verified.claims, aud: [...verified.audience] } as JsonObject
        return create(ValidateJWTSVIDResponseSchema, { spiffeId: verified.subject.toString(), claims })
      } catch (error) {
        if (!(error instanceof WorkloadIdentityError)) throw error
        if (isBundleAwaited(error, caller)) throw unavailable("the token's trust domain is not known yet")
        throw invalidArgument(error.message)
      }
    },
  })
}

/** A domain that the caller federates with, of which the server has no bundle yet: asking again later helps. */
function isBundleAwaited(error: WorkloadIdentityError, { entries }: Caller): boolean {
  if (errorCode(error) !== 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN') return false
  const names = new Set(entries.flatMap((entry) => entry.federatesWith ?? []))
  return error.detail?.startsWith('spiffe://') === true && names.has(error.detail.slice('spiffe://'.length))
}

/** One verifier for each set of trust domains, as long as the view lasts: importing the keys costs as much as verifying. */
class VerifierMemo {
  readonly #ownTrustDomain: string
  readonly #byView = new WeakMap<AgentView, Map<string, JwtSvidVerifier>>()

  constructor(ownTrustDomain: string) {
    this.#ownTrustDomain = ownTrustDomain
  }

  get(caller: Caller): JwtSvidVerifier {
    const bundles = readyBundles(caller, this.#ownTrustDomain)
    const key = bundles.map((bundle) => bundle.trustDomain).join(' ')
    const known = this.#byView.get(caller.view) ?? new Map<string, JwtSvidVerifier>()
    this.#byView.set(caller.view, known)
    let verifier = known.get(key)
    if (verifier === undefined) {
      const trust = new TrustStore(nodeCrypto)
      for (const bundle of bundles) trust.setBundle(bundle)
      verifier = new JwtSvidVerifier({ trust })
      known.set(key, verifier)
    }
    return verifier
  }
}
