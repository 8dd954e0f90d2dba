import {
  type CryptoBackend,
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
} from '@countersign/protocol/exchange'
import { asOAuthError } from './as-oauth-error.ts'
import { singleField, WIT_FIELD } from './header-field.ts'
import type { RequestProofs } from './request-proofs.ts'
import type { TokenRequest } from './token-request.ts'
import type { X509Proof } from './x509-proof.ts'

export interface ProveRequestOptions {
  readonly crypto: CryptoBackend
  readonly dpop: DpopProofVerifier
  /** Without them no proof needs one. */
  readonly nonces: DpopNonces | undefined
  readonly wits: RequestVerifier
  /** Whose a client certificate is. Without it none is looked at. */
  readonly x509: X509Proof | undefined
  /** The URL by which this endpoint is known. */
  readonly url: string
}

/** What a request proves, and the key that `binding` means, where it is known. */
export interface ProvedRequest extends RequestProofs {
  readonly bindingKey: PublicJwk | undefined
}

/** Nothing proved: most requests. */
const NOTHING: ReadonlySet<string> = new Set()

/**
 * Verifies all that a request brings to prove keys by. What is there and does not hold refuses the request: who sends a
 * proof means it.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_DPOP_PROOF`, `ERR_OAUTH_USE_DPOP_NONCE`; `ERR_OAUTH_INVALID_CLIENT` for a WIT that
 *   or client certificate that does not hold
 */
export async function proveRequest(request: TokenRequest, options: ProveRequestOptions): Promise<ProvedRequest> {
  const dpop = await proveDpop(request, options)
  const wit = await proveWit(request, options)
  const x509 = await proveX509(request, options)
  if (dpop === undefined && wit === undefined && x509 === undefined) {
    return { keys: { jkt: NOTHING, x5t: NOTHING }, binding: undefined, wit, x509, bindingKey: undefined }
  }
  const witThumbprint = wit === undefined ? undefined : await jwkThumbprint(wit.confirmationJwk, options.crypto)
  const thumbprint = dpop?.thumbprint ?? witThumbprint
  const x5t = x509 === undefined ? undefined : await certificateThumbprint(x509.leaf.raw, options.crypto)
  const byCertificate: Confirmation | undefined = x5t === undefined ? undefined : { kind: 'x5t#S256', thumbprint: x5t }
  const binding: Confirmation | undefined = thumbprint === undefined ? byCertificate : { kind: 'jkt', thumbprint }
  const proven = [dpop?.thumbprint, witThumbprint].filter((each) => each !== undefined)
  return {
    keys: { jkt: new Set(proven), x5t: x5t === undefined ? NOTHING : new Set([x5t]) },
    binding,
    wit,
    x509,
    bindingKey: dpop?.jwk ?? wit?.confirmationJwk,
  }
}

async function proveDpop(request: TokenRequest, { dpop, nonces, url }: ProveRequestOptions) {
  // RFC 9449 section 4.3 step 1.
  const proof = singleField(request, 'dpop', 'ERR_OAUTH_INVALID_DPOP_PROOF')
  if (proof === undefined) return undefined
  try {
    const { now } = request
    const context = { method: 'POST', url, now }
    if (nonces === undefined) return await dpop.verify(proof, context)
    return await dpop.verify(proof, { ...context, acceptsNonce: (nonce) => nonces.accepts(nonce, now) })
  } catch (error) {
    if (error instanceof ProofError && error.code === 'ERR_PROOF_NONCE') {
      throw new OAuthError('ERR_OAUTH_USE_DPOP_NONCE', error.message, { cause: error })
    }
    throw asOAuthError(error, 'ERR_OAUTH_INVALID_DPOP_PROOF')
  }
}

async function proveWit(request: TokenRequest, { wits }: ProveRequestOptions): Promise<VerifiedWit | undefined> {
  if (singleField(request, WIT_FIELD, 'ERR_OAUTH_INVALID_CLIENT') === undefined) return undefined
  const { rawHeaders } = request
  try {
    const { wit } = await wits.verify({ rawHeaders, target: request.target }, request.now)
    return wit
  } catch (error) {
    if (!(error instanceof WorkloadIdentityError)) throw error
    const refusal = asOAuthError(error, 'ERR_OAUTH_INVALID_CLIENT')
    if (refusal instanceof OAuthError) throw refusal
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', error.message, { cause: error })
  }
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
