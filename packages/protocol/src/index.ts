/** Identifiers, keys, credentials, proofs and their verification: bytes and values in, values out. */
export { AllocationError, type AllocationErrorCode } from './authorization/allocation-error.ts'
export { type Allocation, AllocationRegistry, type Reassignment } from './authorization/allocation-registry.ts'
export { IdentifierMatcher, type IdentifierRule } from './authorization/identifier-matcher.ts'
export { IdentifierPolicy, type ReceivedIdentifier } from './authorization/identifier-policy.ts'
export type { Retirement } from './authorization/retirement.ts'
export { BundleError, type BundleErrorCode } from './bundle/bundle-error.ts'
export { parseJwkSet, parseTokenKeys, type TokenKeyUse } from './bundle/parse-jwk-set.ts'
export {
  formatSpiffeBundle,
  parseSpiffeBundle,
  type SpiffeBundle,
  type SpiffeBundleDocument,
} from './bundle/spiffe-bundle.ts'
export { type OriginTrust, type TrustMaterial, TrustStore } from './bundle/trust-store.ts'
export { TrustedKeys } from './bundle/trusted-keys.ts'
export { decodeBase64, encodeBase64 } from './encoding/base64.ts'
export { decodeBase64url, encodeBase64url } from './encoding/base64url.ts'
export type { Codec } from './encoding/codec.ts'
export { EncodingError, type EncodingErrorCode } from './encoding/encoding-error.ts'
export { type JsonObject, parseJsonObject } from './encoding/strict-json.ts'
export { decodeUtf8, encodeUtf8 } from './encoding/text.ts'
export {
  AuthenticityError,
  type ErrorContext,
  errorCode,
  PolicyError,
  type PolicyErrorCode,
  WorkloadIdentityError,
} from './errors/workload-identity-error.ts'
export { AudiencePolicy, normalizeAudience, pathOfTarget } from './http/audience.ts'
export { accessTokenOf } from './http/bearer-token.ts'
export { RequestError, type RequestErrorCode } from './http/request-error.ts'
export { collectFields, MAX_HEADER_BYTES, type ReceivedRequest } from './http/request-fields.ts'
export {
  type AcceptedSignature,
  type AcceptSignatureOptions,
  formatAcceptSignature,
  parseAcceptSignature,
} from './http-signature/accept-signature.ts'
export type { DigestAlgorithm } from './http-signature/content-digest.ts'
export type { HttpRequest, HttpResponse } from './http-signature/http-message.ts'
export {
  HttpSignatureBuilder,
  type HttpSignatureBuilderOptions,
  type RequestSignatureContent,
  type ResponseSignatureContent,
  type SignatureFields,
} from './http-signature/http-signature-builder.ts'
export { HttpSignatureVerifier, type HttpSignatureVerifierOptions } from './http-signature/http-signature-verifier.ts'
export { SignatureError, type SignatureErrorCode } from './http-signature/signature-error.ts'
export type { ResponseContext, VerifiedHttpRequest, VerifiedMessage } from './http-signature/verified-message.ts'
export { DEFAULT_MAX_SIGNATURE_LIFETIME_SECONDS, SIGNATURE_TAG } from './http-signature/wimse-profile.ts'
export { IdentifierError, type IdentifierErrorCode } from './identifier/identifier-error.ts'
export { type IdentifierScheme, parseTrustDomain } from './identifier/trust-domain.ts'
export { MAX_IDENTIFIER_BYTES, parseOrigin, spiffeId, WorkloadId } from './identifier/workload-id.ts'
export { IssuanceError, type IssuanceErrorCode } from './issuance/issuance-error.ts'
export { type JwtSvidContent, JwtSvidIssuer } from './issuance/issue-jwt-svid.ts'
export { type WitContent, WitIssuer, type WitProfile } from './issuance/issue-wit.ts'
export { type CompactJws, decodeUnverifiedJws, MAX_TOKEN_BYTES } from './jws/compact-jws.ts'
export { JwsError, type JwsErrorCode } from './jws/jws-error.ts'
export { isType, type JwsHeader } from './jws/jws-header.ts'
export {
  algorithmsOf,
  isSignatureAlgorithm,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  SVID_ALGORITHMS,
} from './keys/algorithm.ts'
export {
  type CryptoBackend,
  type Eventual,
  type SigningKey,
  type VerificationKey,
  whenReady,
} from './keys/crypto-backend.ts'
export { KeyError, type KeyErrorCode } from './keys/key-error.ts'
export { isMlDsaAlgorithm, ML_DSA_ALGORITHMS, type MlDsaAlgorithm, type TokenAlgorithm } from './keys/ml-dsa.ts'
export { type PublicJwk, parsePublicJwk, requireAlgorithm, thumbprintInput } from './keys/public-jwk.ts'
export { jwkThumbprint } from './keys/thumbprint.ts'
export { type BoundTokens, WptBuilder, type WptContent } from './presentation/build-wpt.ts'
export { CredentialError, type CredentialErrorCode } from './verification/credential-error.ts'
export { JwtSvidVerifier, type VerifiedJwtSvid } from './verification/jwt-svid-verifier.ts'
export {
  OidcTokenVerifier,
  type OidcTokenVerifierOptions,
  type VerifiedOidcToken,
} from './verification/oidc-token-verifier.ts'
export { ProofError, type ProofErrorCode } from './verification/proof-error.ts'
export {
  InProcessReplayMemory,
  type ReplayAnswer,
  type ReplayMemory,
  type ReplayMemoryOptions,
} from './verification/replay-memory.ts'
export { REQUEST_CHECKS } from './verification/request-checks.ts'
export { optionalAccessToken, optionalTxnToken } from './verification/request-tokens.ts'
export { RequestVerifier, type RequestVerifierOptions, type VerifiedRequest } from './verification/request-verifier.ts'
export { DEFAULT_CLOCK_SKEW_SECONDS, type TimePolicy } from './verification/time-window.ts'
export {
  TxnTokenVerifier,
  type TxnTokenVerifierOptions,
  type VerifiedTxnToken,
} from './verification/txn-token-verifier.ts'
export type { VerifiedWit } from './verification/verified-wit.ts'
export { WitVerifier, type WitVerifierOptions } from './verification/wit-verifier.ts'
export {
  DEFAULT_MAX_PROOF_LIFETIME_SECONDS,
  type ProofContext,
  type VerifiedProof,
  WptVerifier,
  type WptVerifierOptions,
} from './verification/wpt-verifier.ts'
export {
  buildCaCertificate,
  buildCaRequest,
  buildCrl,
  type CaCertificateRequest,
  type CaRequestContent,
  type CaVerification,
  type Certificate,
  CertificateError,
  type CertificateErrorCode,
  type CertificateRequest,
  type Crl,
  type CrlContent,
  decodePem,
  type ExpectedPeer,
  encodePem,
  type IntermediateRequest,
  issueCaCertificate,
  issueTlsCertificate,
  issueX509Svid,
  type KeyUsage,
  type NameAttributes,
  parseCertificate,
  parseCertificateRequest,
  parseCrl,
  parseSpki,
  type RefusedCrl,
  type RequestedNames,
  type RevocationReason,
  type RevokedSerial,
  randomSerial,
  type TlsCertificateRequest,
  type TlsUsage,
  type VerifiedCa,
  type VerifiedCertificateRequest,
  type VerifiedX509Svid,
  verifyCaCertificate,
  verifyCertificateRequest,
  verifyCrl,
  verifyWic,
  verifyX509Svid,
  type WicRole,
  type WicVerification,
  X509Anchors,
  X509Issuer,
  type X509IssuerSource,
  X509Revocations,
  type X509SvidRequest,
  type X509SvidVerification,
} from './x509/index.ts'
