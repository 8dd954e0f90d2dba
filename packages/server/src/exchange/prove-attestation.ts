import {
  CredentialError,
  type CryptoBackend,
  errorCode,
  jwkThumbprint,
  ProofError,
  type PublicJwk,
  type VerifiedWit,
  type WitVerifier,
} from '@countersign/protocol'
import type {
  ClientAttestationPopVerifier,
  ClientAttestationVerifier,
  DpopNonces,
  VerifiedClientAttestation,
  VerifiedDpopProof,
} from '@countersign/protocol/exchange'
import { asOAuthError } from './as-oauth-error.ts'
import { findAttestation, type ShownAttestation } from './attestation-method.ts'
import type { Attesters } from './issuers/attesters.ts'
import type { ConfiguredIssuer } from './issuers/configured-issuer.ts'
import type { TokenRequest } from './token-request.ts'

export interface ProveAttestationOptions {
  readonly crypto: CryptoBackend
  readonly attesters: Attesters
  readonly attestations: ClientAttestationVerifier
  readonly pops: ClientAttestationPopVerifier
  /** Of WIT-SVIDs that come in the place of an attestation. */
  readonly svids: WitVerifier
  /** Issuer identifier of this server: audience of every proof. */
  readonly issuer: string
  /** Without them no proof needs a challenge. */
  readonly challenges: DpopNonces | undefined
}

/** Who vouches for the sender of a request, by a credential whose key the request proves. */
export type ProvedAttestation = {
  readonly thumbprint: string
  /** With the algorithm that it was used with. */
  readonly jwk: PublicJwk
} & (
  | {
      readonly method: 'attest_jwt_client_auth' | 'attest_jwt_client_auth_dpop'
      readonly attestation: VerifiedClientAttestation<ConfiguredIssuer>
    }
  | { readonly method: 'spiffe_wit'; readonly wit: VerifiedWit; readonly token: string }
)

/**
 * Verifies the attestation of a request, if it has one, and that its key is held by whoever sent it. Nothing of an attestation
 * counts without that.
 *
 * @param dpop the request's DPoP proof, verified
 * @throws OAuthError `ERR_OAUTH_INVALID_CLIENT_ATTESTATION`, `ERR_OAUTH_USE_FRESH_ATTESTATION`,
 *   `ERR_OAUTH_USE_ATTESTATION_CHALLENGE`
 * @see draft-ietf-oauth-attestation-based-client-auth-11, section 7
 */
export async function proveAttestation(
  request: TokenRequest,
  dpop: VerifiedDpopProof | undefined,
  options: ProveAttestationOptions,
): Promise<ProvedAttestation | undefined> {
  const shown = findAttestation(request)
  if (shown === undefined) return undefined
  try {
    return await (shown.method === 'spiffe_wit'
      ? proveWitSvid(shown, request.now, options)
      : proveAttested(shown, dpop, request.now, options))
  } catch (error) {
    throw asAttestationRefusal(error)
  }
}

/** In the words of the draft's section 7.4. */
export function asAttestationRefusal(error: unknown): unknown {
  switch (errorCode(error)) {
    case 'ERR_CREDENTIAL_EXPIRED':
    case 'ERR_CREDENTIAL_TOO_OLD':
      return asOAuthError(error, 'ERR_OAUTH_USE_FRESH_ATTESTATION')
    case 'ERR_PROOF_CHALLENGE':
      return asOAuthError(error, 'ERR_OAUTH_USE_ATTESTATION_CHALLENGE')
    default:
      return asOAuthError(error, 'ERR_OAUTH_INVALID_CLIENT_ATTESTATION')
  }
}

async function proveAttested(
  { attestation: token, proof }: ShownAttestation,
  dpop: VerifiedDpopProof | undefined,
  now: number,
  options: ProveAttestationOptions,
): Promise<ProvedAttestation> {
  if (token === undefined) throw new CredentialError('ERR_CREDENTIAL_MISSING', 'proof came without its attestation')
  const { attestations, attesters } = options
  const attestation = await attestations.verify(token, (kid, iss) => attesters.find(kid, iss), timesOf, now)
  const { thumbprint, confirmationJwk } = attestation
  if (proof !== undefined) {
    const jwk = await provePop(proof, confirmationJwk, thumbprint, now, options)
    return { method: 'attest_jwt_client_auth', attestation, thumbprint, jwk }
  }
  if (dpop === undefined) {
    throw new ProofError('ERR_PROOF_MISSING', 'an attestation is worth nothing without a proof of its key')
  }
  if (dpop.thumbprint !== thumbprint) {
    throw new ProofError('ERR_PROOF_CREDENTIAL_MISMATCH', 'DPoP proof is of another key than the attestation confirms')
  }
  return { method: 'attest_jwt_client_auth_dpop', attestation, thumbprint, jwk: dpop.jwk }
}

function timesOf({ maxAgeSeconds, maxLifetimeSeconds }: ConfiguredIssuer) {
  return {
    rejectFutureIssuedAt: true,
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
  }
}

/** draft-ietf-oauth-spiffe-client-auth-02, section 3.3.1: with a proof of its own kind, and not with DPoP alone. */
async function proveWitSvid(
  { attestation: token = '', proof }: ShownAttestation,
  now: number,
  options: ProveAttestationOptions,
): Promise<ProvedAttestation> {
  if (proof === undefined) {
    throw new ProofError('ERR_PROOF_MISSING', 'a WIT-SVID as attestation needs a client attestation PoP')
  }
  const wit = await options.svids.verify(token, now)
  const thumbprint = await jwkThumbprint(wit.confirmationJwk, options.crypto)
  const jwk = await provePop(proof, wit.confirmationJwk, thumbprint, now, options)
  return { method: 'spiffe_wit', wit, token, thumbprint, jwk }
}

async function provePop(
  proof: string,
  confirmationJwk: PublicJwk,
  thumbprint: string,
  now: number,
  { pops, issuer: audience, challenges }: ProveAttestationOptions,
): Promise<PublicJwk> {
  const context = { confirmationJwk, thumbprint, audience, now }
  const { algorithm: alg } = await pops.verify(
    proof,
    challenges === undefined
      ? context
      : { ...context, acceptsChallenge: (challenge) => challenges.accepts(challenge, now) },
  )
  return { ...confirmationJwk, alg }
}
