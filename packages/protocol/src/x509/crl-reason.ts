/** Why a certificate was revoked, and its number. RFC 5280 section 5.3.1; those that only delta lists use are left out. */
export const REVOCATION_REASONS = {
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const

export type RevocationReason = keyof typeof REVOCATION_REASONS
