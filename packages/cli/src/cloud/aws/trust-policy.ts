import { providerArn, providerName, type Role } from './role.ts'

export interface TrustPolicyOptions {
  readonly role: Role
  readonly issuer: string
  readonly audience: string
  /** SPIFFE ID of the only program that may assume the role. */
  readonly subject: string
}

/**
 * The trust policy of a role for one SPIFFE ID. Without `sub`, every program of the trust domain could assume the role, and
 * without `aud`, everybody whom one of them shows a token that was meant for them.
 *
 * @see AWS IAM user guide, creating a role for OpenID Connect federation
 */
export function formatTrustPolicy({ role, issuer, audience, subject }: TrustPolicyOptions) {
  const name = providerName(issuer)
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: providerArn(role, issuer) },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${name}:aud`]: audience, [`${name}:sub`]: subject } },
      },
    ],
  }
}
