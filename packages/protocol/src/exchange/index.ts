/** Tokens exchanged for others: what a token service verifies, decides by and issues. Values in, values out. */
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
export { type Confirmation, formatConfirmation, isProven, type ProvenKeys, parseConfirmation } from './confirmation.ts'
export type { ExchangedSubject, Transaction } from './exchanged-subject.ts'
export { OAuthError, type OAuthErrorCode } from './oauth-error.ts'
export { ASSERTION_TYPES, GRANT_TYPES, JWT_TYPES, TOKEN_TYPES } from './oauth-names.ts'
export { type BindingQuestion, shrinkAudience, shrinkBinding, shrinkLifetime, shrinkScopes } from './shrink.ts'
export type { IssuedToken, TokenOrder } from './token-order.ts'
export type { TrustedIssuer } from './trusted-issuer.ts'
