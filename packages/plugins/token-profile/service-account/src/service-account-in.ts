import type { IssuerSettings, PresentedToken, TokenProfileHost, TokenProfileIn } from '@countersign/plugin-kit'
import { type CompactJws, CredentialError } from '@countersign/protocol'
import {
  type ExchangedSubject,
  type IssuedJwt,
  IssuedJwtVerifier,
  mapClaims,
  requireAudiences,
  requireClaims,
  TOKEN_TYPES,
  type TrustedIssuer,
  WorkloadAssertionVerifier,
} from '@countersign/protocol/exchange'

const PROFILE = 'service-account'
const PREFIX = 'system:serviceaccount:'
/** Names of namespaces and service accounts. Kubernetes, "Object Names and IDs" */
const SUBJECT = /^system:serviceaccount:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$/

/** Claims that every such token has, by the names that rules know. */
const CLAIMS = {
  'kubernetes.io/namespace': 'namespace',
  'kubernetes.io/serviceaccount/name': 'service_account',
  'kubernetes.io/serviceaccount/uid': 'service_account_uid',
  'kubernetes.io/pod/name': 'pod',
  'kubernetes.io/pod/uid': 'pod_uid',
  'kubernetes.io/node/name': 'node',
}

type KubernetesIssuer = TrustedIssuer & IssuerSettings

/**
 * Takes tokens of Kubernetes service accounts in. They have no `typ` and often no `jti`, and their issuer is the cluster, not
 * the workload.
 *
 * @see draft-ietf-wimse-workload-identity-practices, Kubernetes
 */
export class ServiceAccountIn implements TokenProfileIn {
  readonly tokenTypes = [TOKEN_TYPES.jwt]
  readonly roles = ['client', 'subject', 'actor'] as const
  readonly vouchers = ['issuer'] as const
  readonly isBound = false
  readonly #verifiers = new WeakMap<TokenProfileHost, Verifiers>()

  recognises(_token: string, jws: CompactJws | undefined): boolean {
    if (jws === undefined) return false
    const { typ } = jws.header
    const { sub } = jws.payload
    const isPlain = typ === undefined || typ.toUpperCase() === 'JWT'
    return isPlain && typeof sub === 'string' && sub.startsWith(PREFIX)
  }

  async verify({ token, role, now }: PresentedToken, host: TokenProfileHost): Promise<ExchangedSubject> {
    const { jwts, assertions } = this.#verifiersFor(host)
    const find = (iss: string, kid: string | undefined): KubernetesIssuer => host.findIssuer(PROFILE, iss, kid)
    const jwt =
      role === 'client'
        ? await assertions.verify(token, find, assertionPolicyOf, now)
        : await jwts.verify(token, find, { types: [], acceptsUntyped: true }, policyOf, now)
    return toSubject(jwt, await host.crypto.sha256Base64url(token))
  }

  #verifiersFor(host: TokenProfileHost): Verifiers {
    const known = this.#verifiers.get(host)
    if (known !== undefined) return known
    const { crypto, usedTokens: replayMemory } = host
    const made = {
      jwts: new IssuedJwtVerifier(crypto),
      assertions: new WorkloadAssertionVerifier({ crypto, names: host, replayMemory }),
    }
    this.#verifiers.set(host, made)
    return made
  }
}

interface Verifiers {
  readonly jwts: IssuedJwtVerifier
  readonly assertions: WorkloadAssertionVerifier
}

function policyOf({ allowsReuse, allowsTokenEndpointAudience, maxLifetimeSeconds }: IssuerSettings) {
  return {
    allowsReuse,
    allowsTokenEndpointAudience,
    ...(maxLifetimeSeconds === undefined ? {} : { maxLifetimeSeconds }),
  }
}

/** Used before the memory of used assertions has a gap, one from the future would pass for one made after it. */
function assertionPolicyOf(issuer: IssuerSettings) {
  return { ...policyOf(issuer), rejectFutureIssuedAt: true }
}

function toSubject({ claims, issuer, times }: IssuedJwt<KubernetesIssuer>, digest: string): ExchangedSubject {
  const { sub, jti } = claims
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) {
    throw new CredentialError('ERR_CREDENTIAL_SUBJECT', 'credential is not about a service account')
  }
  requireClaims(claims, issuer.requiredClaims)
  return {
    profile: PROFILE,
    issuer: issuer.name,
    issuerUrl: issuer.url,
    subject: sub,
    localSubject: issuer.subjectPrefix + sub,
    claims: mapClaims(claims, { ...CLAIMS, ...issuer.mappedClaims }),
    scopes: undefined,
    audience: requireAudiences(claims['aud']),
    expiresAt: times.expiresAt,
    issuedAt: times.issuedAt,
    tokenId: typeof jti === 'string' ? jti : undefined,
    confirmation: undefined,
    confirmationKey: undefined,
    actor: undefined,
    mayAct: undefined,
    clientId: undefined,
    transaction: undefined,
    digest,
  }
}
