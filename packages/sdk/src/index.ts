/** Identity for application code: a fetch that proves who calls, middleware that verifies it. */

export type { Decision } from './audit/decision.ts'
export type { DecisionOptions } from './audit/decision-recorder.ts'
export { allowAnyOf, allowTrustDomain, allowWorkload, type Policy, type PolicyRequest } from './authorization/policy.ts'
export { type ConnectOptions, connect } from './connect.ts'
export { currentAuthorization, currentCaller, currentTransaction } from './context/call-context.ts'
export type { SendRequest } from './exchange/authorized-fetch.ts'
export type { BegunTransaction } from './exchange/begun-transaction.ts'
export type { ClientAuthentication } from './exchange/client-authentication.ts'
export type { ExchangeRequest, TokenBinding } from './exchange/exchange-request.ts'
export type { ExchangedToken, TokenScheme } from './exchange/exchanged-token.ts'
export type { OngoingTransaction, ReceivedTransaction } from './exchange/ongoing-transaction.ts'
export { PublishedKeys } from './exchange/published-keys.ts'
export type { TransactionPurpose, TransactionService, TransactionSubject } from './exchange/request-txn-token.ts'
export { TokenClient } from './exchange/token-client.ts'
export type { TokenInput } from './exchange/token-input.ts'
export { TokenRefusedError } from './exchange/token-refused-error.ts'
export { type TokenRequester, withoutAgent } from './exchange/token-requester.ts'
export type { TokenSource, TokenSourceOptions, TokenVariation } from './exchange/token-source.ts'
export { TransactionTokens } from './exchange/transaction-tokens.ts'
export type { TransactionOptions } from './exchange/transaction-verifier.ts'
export type { OnFailure } from './identity/follow-stream.ts'
export type { HeldIdentity } from './identity/held-identity.ts'
export { type AccessMiddleware, type ConnectMiddleware, verifyAccessToken, verifyCaller } from './middleware/express.ts'
export type { PeerSetting } from './presentation/peer-setting.ts'
export type { WorkloadRequestInit } from './presentation/proof-fetch.ts'
export { responderOf } from './presentation/responder.ts'
export type { ResponseSigner, WholeResponse } from './presentation/response-signer.ts'
export type { ProofChoice, TargetSettings, Targets } from './presentation/target.ts'
export { SdkError, type SdkErrorCode } from './sdk-error.ts'
export { AccessTokenError, type ChallengeError } from './verification/access-token-error.ts'
export type { AccessTokenOptions } from './verification/access-token-options.ts'
export type { Answer } from './verification/answer.ts'
export { type AcceptedBindings, acceptBearerFrom, type Binding } from './verification/binding.ts'
export { type AccessBinding, CallAuthorization } from './verification/call-authorization.ts'
export type { Caller } from './verification/caller.ts'
export {
  type CallerAccessOptions,
  CallerVerifier,
  type Verdict,
  type VerifyCallerOptions,
} from './verification/caller-verifier.ts'
export type { IncomingCall } from './verification/incoming-call.ts'
export { PROBLEM_MEDIA_TYPE, type ProblemDocument, problemOf } from './verification/problem.ts'
export {
  type ProtectedResource,
  type ProtectedResourceMetadata,
  protectedResource,
} from './verification/protected-resource.ts'
export { type AccessVerdict, ResourceGuard, type VerifyAccessTokenOptions } from './verification/resource-guard.ts'
export type { VerifyingWorkload } from './verification/verifying-workload.ts'
export { Workload } from './workload.ts'
export type { WorkloadRuntime } from './workload-runtime.ts'
