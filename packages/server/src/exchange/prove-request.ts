import type { Clock } from '@countersign/plugin-kit'
import {
  type CryptoBackend,
  type HttpSignatureVerifier,
  jwkThumbprint,
  ProofError,
  type PublicJwk,
  type RequestVerifier,
  type VerifiedWit,
  type VerifiedX509Svid,
  WorkloadIdentityError,
} from '@countersign/protocol'
import {
  type Confirmation,
  certificateThumbprint,
  type DpopNonces,
  type DpopProofVerifier,
  OAuthError,
  type UnusedDpopProof,
} from '@countersign/protocol/exchange'
import { asOAuthError } from './as-oauth-error.ts'
import { singleField } from './header-field.ts'
import { type ProveAttestationOptions, proveAttestation } from './prove-attestation.ts'
import type { RequestProofs } from './request-proofs.ts'
import type { TokenRequest } from './token-request.ts'
import { witProofsOf } from './wit-proofs.ts'
import type { X509Proof } from './x509-proof.ts'

export interface ProveRequestOptions {
  readonly crypto: CryptoBackend
  readonly clock: Clock
  readonly dpop: DpopProofVerifier
  /** Without them no proof needs one. */
  readonly nonces: DpopNonces | undefined
  readonly wits: RequestVerifier
  readonly signatures: HttpSignatureVerifier
  readonly attestation: ProveAttestationOptions
  /** Whose a client certificate is. Without it none is looked at. */
  readonly x509: X509Proof | undefined
  /** The URL by which this endpoint is known. */
  readonly url: string
}

/** What a request proves, and the key that `binding` means, where it is known. */
export interface ProvedRequest extends RequestProofs {
  readonly bindingKey: PublicJwk | undefined
  /**
   * Uses up the DPoP proof, if there is one: as soon as somebody known vouches for the request, and before it is granted.
   *
   * @throws OAuthError `ERR_OAUTH_INVALID_DPOP_PROOF`, also for one that has become too old meanwhile;
   *   `ERR_OAUTH_TEMPORARILY_UNAVAILABLE` when it cannot be told whether it was used before
   */
  useDpopProof(): Promise<void>
}

/** Nothing proved: most requests. */
const NOTHING: ReadonlySet<string> = new Set()
const NO_PROOFS = { keys: { jkt: NOTHING, x5t: NOTHING }, binding: undefined, bindingKey: undefined }

/**
 * Verifies all that a request brings to prove keys by. What is there and does not hold refuses the request: who sends a
 * proof means it. The DPoP proof is not used up yet: anybody can make one, with a new key for each, and the memory of used proofs
 * would be full of those of strangers. The other proofs are of keys that somebody vouched for.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_DPOP_PROOF`, `ERR_OAUTH_USE_DPOP_NONCE`; `ERR_OAUTH_INVALID_CLIENT` for a WIT or
 *   client certificate that does not hold; as `proveAttestation`
 */
export async function proveRequest(request: TokenRequest, options: ProveRequestOptions): Promise<ProvedRequest> {
  const dpop = await proveDpop(request, options)
  const wit = await proveWit(request, options)
  const attestation = await proveAttestation(request, dpop, options.attestation)
  const x509 = await proveX509(request, options)
  const useDpopProof = () => useUp(dpop, options.clock)
  if (dpop === undefined && wit === undefined && attestation === undefined && x509 === undefined) {
    return { ...NO_PROOFS, wit, attestation, x509, useDpopProof }
  }
  const witThumbprint = wit === undefined ? undefined : await jwkThumbprint(wit.confirmationJwk, options.crypto)
  const thumbprint = dpop?.thumbprint ?? witThumbprint ?? attestation?.thumbprint
  const x5t = x509 === undefined ? undefined : await certificateThumbprint(x509.leaf.raw, options.crypto)
  const byCertificate: Confirmation | undefined = x5t === undefined ? undefined : { kind: 'x5t#S256', thumbprint: x5t }
  const binding: Confirmation | undefined = thumbprint === undefined ? byCertificate : { kind: 'jkt', thumbprint }
  const proven = [dpop?.thumbprint, witThumbprint, attestation?.thumbprint].filter((each) => each !== undefined)
  return {
    keys: { jkt: new Set(proven), x5t: x5t === undefined ? NOTHING : new Set([x5t]) },
    binding,
    wit,
    attestation,
    x509,
    bindingKey: dpop?.jwk ?? wit?.confirmationJwk ?? attestation?.jwk,
    useDpopProof,
  }
}

async function proveDpop(
  request: TokenRequest,
  { dpop, nonces, url }: ProveRequestOptions,
): Promise<UnusedDpopProof | undefined> {
  // RFC 9449 section 4.3 step 1.
  const proof = singleField(request, 'dpop', 'ERR_OAUTH_INVALID_DPOP_PROOF')
  if (proof === undefined) return undefined
  try {
    const { now } = request
    const context = { method: 'POST', url, now }
    if (nonces === undefined) return await dpop.verifyWithoutUse(proof, context)
    return await dpop.verifyWithoutUse(proof, { ...context, acceptsNonce: (nonce) => nonces.accepts(nonce, now) })
  } catch (error) {
    if (error instanceof ProofError && error.code === 'ERR_PROOF_NONCE') {
      throw new OAuthError('ERR_OAUTH_USE_DPOP_NONCE', error.message, { cause: error })
    }
    throw asOAuthError(error, 'ERR_OAUTH_INVALID_DPOP_PROOF')
  }
}

/** By the time that it is now: whoever vouches for the request may have been asked for keys since it came. */
async function useUp(proof: UnusedDpopProof | undefined, clock: Clock): Promise<void> {
  try {
    await proof?.use(clock.now())
  } catch (error) {
    throw asOAuthError(error, 'ERR_OAUTH_INVALID_DPOP_PROOF')
  }
}

async function proveWit(request: TokenRequest, options: ProveRequestOptions): Promise<VerifiedWit | undefined> {
  const proofs = witProofsOf(request)
  if (proofs === undefined) return undefined
  try {
    // Without any proof the verifier of proof tokens says so. With both, a wrong one beside a good one is not passed over.
    const byToken = proofs.byToken || !proofs.bySignature ? await proveByToken(request, options) : undefined
    return proofs.bySignature ? await proveBySignature(request, options) : byToken
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    const refusal = asOAuthError(error, 'ERR_OAUTH_INVALID_CLIENT')
    if (refusal instanceof OAuthError) throw refusal
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', error.message, { cause: error })
  }
}

async function proveByToken({ rawHeaders, target, now }: TokenRequest, { wits }: ProveRequestOptions) {
  const { wit } = await wits.verify({ rawHeaders, target }, now)
  return wit
}

async function proveBySignature(
  { rawHeaders, target, body, now }: TokenRequest,
  { signatures }: ProveRequestOptions,
): Promise<VerifiedWit> {
  const { wit, signResponse } = await signatures.verifyRequest({ method: 'POST', rawHeaders, target, body }, now)
  // draft-ietf-wimse-http-signature: who cannot sign must not answer such a request with an unsigned success.
  if (signResponse) throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'answers of this service are not signed')
  return wit
}

/** One that is no X509-SVID proves a key as well, but whose it is nobody here could say: no token is bound to it. */
async function proveX509(request: TokenRequest, { x509 }: ProveRequestOptions): Promise<VerifiedX509Svid | undefined> {
  const chain = x509 === undefined ? [] : request.peerChain
  if (x509 === undefined || chain.length === 0) return undefined
  try {
    return await x509.verify(chain, request.now)
  } catch (error) {
    throw asOAuthError(error, 'ERR_OAUTH_INVALID_CLIENT')
  }
}
