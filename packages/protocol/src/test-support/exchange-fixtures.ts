/** A cluster, its service account token and an authorization server that knows both. */
import { encodeToken } from '@countersign/testing'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { TrustedIssuer } from '../exchange/trusted-issuer.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, type NodeSigningKey } from '../keys-node/signing-key.ts'
import { CredentialError } from '../verification/credential-error.ts'

export const NOW = 1_800_000_000
export const NAMES = { issuer: 'https://as.example.org', tokenEndpoint: 'https://as.example.org/oauth2/token' }
export const CLUSTER_URL = 'https://kubernetes.default.svc.cluster.local'

export const clusterKey = generateSigningKey('RS256', { kid: 'cluster-1' })

export function issuerWith(key: NodeSigningKey, change: Partial<TrustedIssuer> = {}): TrustedIssuer {
  return { name: 'cluster', url: CLUSTER_URL, keys: new TrustedKeys([key.publicJwk], nodeCrypto), ...change }
}

/** Knows one issuer. */
export function findOnly(issuer: TrustedIssuer) {
  return (iss: string) => {
    if (iss !== issuer.url) throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'issuer is not known')
    return issuer
  }
}

/** What an API server writes into a projected token for audience and expiry that were asked for. It has no `typ`. */
export function serviceAccountToken(
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
  key = clusterKey,
): string {
  return encodeToken(
    { alg: key.alg, kid: key.publicJwk.kid, ...header },
    {
      aud: [NAMES.issuer],
      exp: NOW + 3600,
      iat: NOW,
      iss: CLUSTER_URL,
      'kubernetes.io': {
        namespace: 'test',
        node: { name: 'node-1', uid: '8c1e2b34-51d4-4c4c-9d09-5d0b8e6b6a11' },
        pod: { name: 'app-5d4f', uid: '0b7d6d2e-7d0a-4f7c-8f0b-2f1f2a3c4d5e' },
        serviceaccount: { name: 'default', uid: 'a1b2c3d4-0000-4000-8000-000000000001' },
      },
      nbf: NOW,
      sub: 'system:serviceaccount:test:default',
      ...claims,
    },
    key,
  )
}
