/** Tokens exchanged for others: what a token service verifies, decides by and issues. Values in, values out. */

export { requireScopes, requireText } from '../verification/txn-token-claims.ts'
export { type AccessTokenContent, AccessTokenIssuer } from './access-token-issuer.ts'
export {
  AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  requireAudiences,
  type VerifiedAccessToken,
} from './access-token-verifier.ts'
export {
  type Actor,
  countActors,
  DEFAULT_MAX_ACTORS,
  formatActor,
  isMeant,
  type MayAct,
  parseActor,
  parseMayAct,
  prependActor,
} from './actor-chain.ts'
export { actorsOfTransaction } from './actors-of-transaction.ts'
export { requireOwnAudience, requireServerAudience, type ServerNames } from './assertion-audience.ts'
export { certificateThumbprint } from './certificate-thumbprint.ts'
export { type ChainingGrantContent, ChainingGrantIssuer } from './chaining-grant-issuer.ts'
export {
  ChainingGrantVerifier,
  type ChainingGrantVerifierOptions,
  DEFAULT_MAX_GRANT_LIFETIME_SECONDS,
  type GrantPolicy,
  type VerifiedChainingGrant,
} from './chaining-grant-verifier.ts'
export { mapClaims, readClaim, requireClaims } from './claim-paths.ts'
export { type ClientAttestationContent, ClientAttestationIssuer } from './client-attestation-issuer.ts'
export { ClientAttestationPopBuilder, type ClientAttestationPopContent } from './client-attestation-pop-builder.ts'
export {
  type ClientAttestationPopContext,
  ClientAttestationPopVerifier,
  type ClientAttestationPopVerifierOptions,
  DEFAULT_MAX_ATTESTATION_POP_AGE_SECONDS,
  type VerifiedClientAttestationPop,
} from './client-attestation-pop-verifier.ts'
export {
  ClientAttestationVerifier,
  type FindAttester,
  type VerifiedClientAttestation,
} from './client-attestation-verifier.ts'
export { type Confirmation, formatConfirmation, isProven, type ProvenKeys, parseConfirmation } from './confirmation.ts'
export { DpopNonces, type NonceCrypto } from './dpop-nonces.ts'
export { DpopProofBuilder, type DpopProofContent } from './dpop-proof-builder.ts'
export {
  DEFAULT_MAX_DPOP_AGE_SECONDS,
  type DpopContext,
  DpopProofVerifier,
  type DpopVerifierOptions,
  type UnusedDpopProof,
  type VerifiedDpopProof,
} from './dpop-proof-verifier.ts'
export type { ExchangedSubject, Transaction } from './exchanged-subject.ts'
export { qualifyActors, requireForeignActors, requireForeignName } from './foreign-names.ts'
export { IdTokenVerifier, type VerifiedIdToken } from './id-token-verifier.ts'
export { isOwnClaim } from './issued-claims.ts'
export { type FindIssuer, type IssuedJwt, IssuedJwtVerifier, type JwtKind } from './issued-jwt-verifier.ts'
export { errorDescription, OAuthError, type OAuthErrorCode } from './oauth-error.ts'
export {
  ASSERTION_TYPES,
  ATTESTATION_FIELDS,
  GRANT_TYPES,
  JWT_TYPES,
  TOKEN_TYPES,
} from './oauth-names.ts'
export { PrivateKeyJwtVerifier } from './private-key-jwt-verifier.ts'
export {
  EARLIER_WORKLOADS_CLAIM,
  formatRequestingWorkloads,
  MAX_REQUESTING_WORKLOADS,
  parseRequestingWorkloads,
} from './requesting-workloads.ts'
export { type BindingQuestion, shrinkAudience, shrinkBinding, shrinkLifetime, shrinkScopes } from './shrink.ts'
export { type SingleUseToken, useOnce } from './single-use.ts'
export { requireProvenKey, requireSvidOrder } from './svid-order.ts'
export type { IssuedToken, TokenOrder } from './token-order.ts'
export {
  MAX_TRANSACTION_CONTEXT_BYTES,
  parseTransactionRequest,
  type TransactionRequest,
} from './transaction-request.ts'
export type { TrustedIssuer } from './trusted-issuer.ts'
export type { TxnTokenContent } from './txn-token-content.ts'
export {
  MAX_TXN_TOKEN_LIFETIME_SECONDS,
  TxnTokenIssuer,
  type TxnTokenIssuerOptions,
} from './txn-token-issuer.ts'
export { type FormerTxnToken, isSameActor } from './txn-token-replacement.ts'
export { saysAccessToken } from './untyped-access-token.ts'
export {
  type AssertionPolicy,
  type AssertionVerifierOptions,
  type VerifiedAssertion,
  WorkloadAssertionVerifier,
} from './workload-assertion-verifier.ts'
