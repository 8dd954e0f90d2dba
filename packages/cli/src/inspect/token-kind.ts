import type { InspectedKind } from './inspection.ts'
import type { JsonRecord } from './json-record.ts'

export interface TokenKind {
  readonly kind: InspectedKind
  readonly title: string
}

/** Kinds that say what they are in `typ`, without its `application/` prefix. */
const BY_TYPE: Readonly<Record<string, TokenKind>> = {
  'wit+jwt': { kind: 'wit', title: 'Workload Identity Token (WIT)' },
  'wpt+jwt': { kind: 'wpt', title: 'Workload Proof Token (WPT)' },
  'txntoken+jwt': { kind: 'txn-token', title: 'transaction token (Txn-Token)' },
  'at+jwt': { kind: 'access-token', title: 'OAuth access token' },
  'dpop+jwt': { kind: 'dpop-proof', title: 'DPoP proof' },
  'oauth-client-attestation+jwt': { kind: 'client-attestation', title: 'OAuth client attestation' },
  'oauth-client-attestation-pop+jwt': {
    kind: 'client-attestation-pop',
    title: 'OAuth client attestation proof of possession',
  },
}

const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 'azp', 'auth_time', 'acr', 'amr']

/** What a token is: by its `typ`, and where that says nothing, by its claims. A guess by claims says so. */
export function tokenKind(header: JsonRecord, claims: JsonRecord): TokenKind {
  const typ = typeof header['typ'] === 'string' ? header['typ'].toLowerCase().replace(/^application\//, '') : ''
  if (typ === 'wit+jwt' && isSpiffeId(claims['sub'])) {
    return { kind: 'wit', title: 'SPIFFE Workload Identity Token (WIT-SVID)' }
  }
  if (Object.hasOwn(BY_TYPE, typ)) return BY_TYPE[typ] as TokenKind
  if (isSpiffeId(claims['sub']) && claims['aud'] !== undefined && claims['cnf'] === undefined) {
    return { kind: 'jwt-svid', title: 'SPIFFE JWT-SVID, judging by its claims' }
  }
  if (claims['txn'] !== undefined && claims['req_wl'] !== undefined) {
    return { kind: 'txn-token', title: 'transaction token (Txn-Token), judging by its claims' }
  }
  if (ID_TOKEN_CLAIMS.some((name) => claims[name] !== undefined)) {
    return { kind: 'id-token', title: 'OpenID Connect ID token, judging by its claims' }
  }
  if (claims['scope'] !== undefined || claims['client_id'] !== undefined) {
    return { kind: 'access-token', title: 'OAuth access token, judging by its claims' }
  }
  return { kind: 'jwt', title: 'JSON Web Token of no kind known here' }
}

export function isSpiffeId(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('spiffe://')
}
