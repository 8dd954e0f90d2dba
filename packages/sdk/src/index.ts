/** Identity for application code: a fetch that proves who calls, middleware that verifies it. */
export type { Decision } from './audit/decision.ts'
export { allowAnyOf, allowTrustDomain, allowWorkload, type Policy, type PolicyRequest } from './authorization/policy.ts'
export { type ConnectOptions, connect } from './connect.ts'
export { currentCaller } from './context/call-context.ts'
export type { OnFailure } from './identity/follow-stream.ts'
export type { HeldIdentity } from './identity/held-identity.ts'
export { type ConnectMiddleware, verifyCaller } from './middleware/express.ts'
export type { WorkloadRequestInit } from './presentation/proof-fetch.ts'
export { SdkError, type SdkErrorCode } from './sdk-error.ts'
export type { Caller } from './verification/caller.ts'
export {
  CallerVerifier,
  type IncomingCall,
  type VerifyCallerOptions,
} from './verification/caller-verifier.ts'
export { PROBLEM_MEDIA_TYPE, type ProblemDocument, problemOf } from './verification/problem.ts'
export { Workload } from './workload.ts'
export type { WorkloadRuntime } from './workload-runtime.ts'
