import type { VerifiedAccessToken } from '@countersign/protocol/exchange'

/**
 * What an authorization server said of a call: for whom (`subject`), for what (`scopes`), and who acted on the way (`actor`, the
 * last one outermost). Who calls is the caller's own proof.
 */
export type CallAuthorization = Omit<VerifiedAccessToken, 'issuer'>
