import { CredentialError } from '@countersign/protocol'
import { mapClaims, OAuthError, requireClaims, type VerifiedClientAttestation } from '@countersign/protocol/exchange'
import { findAttestation } from '../attestation-method.ts'
import { CLIENT_ATTESTATION_PROFILE } from '../issuers/attesters.ts'
import type { ConfiguredIssuer } from '../issuers/configured-issuer.ts'
import { asAttestationRefusal } from '../prove-attestation.ts'
import { ANONYMOUS_CLIENT } from '../registered-clients.ts'
import type { RequestProofs } from '../request-proofs.ts'
import type { AuthenticatedClient, TokenRequest } from '../token-request.ts'
import type { ClientAuthenticationMethod } from './client-authentication-method.ts'

/**
 * An instance of a client, for which an attester vouches and which proves its key: by a proof of its own, or by the DPoP proof
 * of the request. The two have names of their own and are otherwise one.
 *
 * @see draft-ietf-oauth-attestation-based-client-auth-11, section 7.5
 */
export class AttestedClient implements ClientAuthenticationMethod {
  readonly name: 'attest_jwt_client_auth' | 'attest_jwt_client_auth_dpop'

  constructor(name: AttestedClient['name']) {
    this.name = name
  }

  isUsed(request: TokenRequest): boolean {
    return findAttestation(request)?.method === this.name
  }

  async authenticate(_request: TokenRequest, { attestation: proved }: RequestProofs): Promise<AuthenticatedClient> {
    if (proved?.method !== this.name) {
      throw new OAuthError('ERR_OAUTH_INVALID_CLIENT_ATTESTATION', 'client attestation was not proved')
    }
    try {
      const subject = toSubject(proved.attestation)
      return { method: this.name, id: subject.localSubject, subject }
    } catch (error) {
      throw asAttestationRefusal(error)
    }
  }
}

/** As none of the names of others that tokens have: of workloads, of those they speak for, and of nobody. */
function requireOwnName(name: string): string {
  if (name !== ANONYMOUS_CLIENT && !/^(?:spiffe|wimse|urn:countersign):/i.test(name)) return name
  throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential is about a name that its issuer must not give')
}

function toSubject(attestation: VerifiedClientAttestation<ConfiguredIssuer>): AuthenticatedClient['subject'] {
  const { attester, claims, subject, times, thumbprint, confirmationJwk, digest } = attestation
  requireClaims(claims, attester.requiredClaims)
  const localSubject = requireOwnName(attester.subjectPrefix + subject)
  return {
    profile: CLIENT_ATTESTATION_PROFILE,
    issuer: attester.name,
    issuerUrl: attester.url,
    subject,
    localSubject,
    claims: mapClaims(claims, attester.mappedClaims),
    scopes: undefined,
    // It is good wherever its key is proved.
    audience: undefined,
    expiresAt: times.expiresAt,
    issuedAt: times.issuedAt,
    tokenId: undefined,
    confirmation: { kind: 'jkt', thumbprint },
    confirmationKey: confirmationJwk,
    actor: undefined,
    mayAct: undefined,
    clientId: localSubject,
    transaction: undefined,
    digest,
  }
}
