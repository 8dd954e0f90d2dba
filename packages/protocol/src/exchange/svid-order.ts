import { IdentifierError } from '../identifier/identifier-error.ts'
import { WorkloadId } from '../identifier/workload-id.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { OAuthError } from './oauth-error.ts'
import type { TokenOrder } from './token-order.ts'

/**
 * The workload that an SVID or WIT is ordered for. Such a credential says who somebody is and nothing else: an order for
 * more is refused rather than served in part, since what got lost would be what narrows it.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_REQUEST` unless the subject is a workload of the trust domain, or when somebody acts
 *   for it: the credential could not tell
 * @throws OAuthError `ERR_OAUTH_INVALID_SCOPE` when it should have scopes
 */
export function requireSvidOrder(order: TokenOrder, trustDomain: string): WorkloadId {
  if (order.actor !== undefined) {
    throw new OAuthError(
      'ERR_OAUTH_INVALID_REQUEST',
      'a credential of this type cannot say that somebody acts for its subject',
    )
  }
  if (order.scopes.length > 0) {
    throw new OAuthError('ERR_OAUTH_INVALID_SCOPE', 'a credential of this type has no scope')
  }
  const id = parse(order.subject)
  if (id?.scheme === 'spiffe' && id.trustDomain === trustDomain) return id
  throw new OAuthError('ERR_OAUTH_INVALID_REQUEST', 'subject is no workload of this trust domain')
}

/**
 * The key of an SVID or WIT. That in the credential and that which was proved must be one, or it would be for somebody else's.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_DPOP_PROOF`
 */
export function requireProvenKey(
  { confirmationKey, confirmation }: TokenOrder,
  crypto: CryptoBackend,
): Eventual<PublicJwk> {
  const refusal = () => new OAuthError('ERR_OAUTH_INVALID_DPOP_PROOF', 'the key of such a credential must be proved')
  if (confirmationKey === undefined || confirmation?.kind !== 'jkt') throw refusal()
  return whenReady(jwkThumbprint(confirmationKey, crypto), (thumbprint) => {
    if (thumbprint !== confirmation.thumbprint) throw refusal()
    return confirmationKey
  })
}

function parse(subject: string): WorkloadId | undefined {
  try {
    return WorkloadId.parse(subject)
  } catch (error) {
    if (error instanceof IdentifierError) return undefined
    throw error
  }
}
