import { decodeUnverifiedJws, errorCode, isType } from '@countersign/protocol'
import { ATTESTATION_FIELDS, JWT_TYPES } from '@countersign/protocol/exchange'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { singleField } from './header-field.ts'
import type { TokenRequest } from './token-request.ts'

/** Methods of client authentication that ride on the fields of client attestations. */
export type AttestationMethod = 'attest_jwt_client_auth' | 'attest_jwt_client_auth_dpop' | 'spiffe_wit'

/** What such a request shows. Nothing of it is verified. */
export interface ShownAttestation {
  readonly method: AttestationMethod
  readonly attestation: string | undefined
  readonly proof: string | undefined
}

/** Several methods ask about one request. */
const known = new WeakMap<TokenRequest, ShownAttestation | 'none'>()

/**
 * Tells by its shape alone which of these methods a request uses. Which rules it is held to hangs on it, and nothing else.
 *
 * @throws OAuthError `ERR_OAUTH_INVALID_CLIENT_ATTESTATION` for a field that came twice
 * @see draft-ietf-oauth-attestation-based-client-auth-11, section 7; draft-ietf-oauth-spiffe-client-auth-02, section 3.3.1
 */
export function findAttestation(request: TokenRequest): ShownAttestation | undefined {
  const before = known.get(request)
  if (before !== undefined) return before === 'none' ? undefined : before
  const found = readFields(request)
  known.set(request, found ?? 'none')
  return found
}

function readFields(request: TokenRequest): ShownAttestation | undefined {
  const field = (name: string) => singleField(request, name.toLowerCase(), 'ERR_OAUTH_INVALID_CLIENT_ATTESTATION')
  const attestation = field(ATTESTATION_FIELDS.attestation)
  const proof = field(ATTESTATION_FIELDS.proof)
  if (attestation === undefined && proof === undefined) return undefined
  if (attestation !== undefined && isWit(attestation)) return { method: 'spiffe_wit', attestation, proof }
  const method = proof === undefined ? 'attest_jwt_client_auth_dpop' : 'attest_jwt_client_auth'
  return { method, attestation, proof }
}

function isWit(token: string): boolean {
  try {
    return isType(decodeUnverifiedJws(token, undefined, nodeCrypto.codec).header, JWT_TYPES.wit)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
