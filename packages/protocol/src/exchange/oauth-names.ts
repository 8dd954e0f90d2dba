/** Names that OAuth documents give to grants, token types and assertions. */

/** `grant_type`. RFC 6749 section 4.4, RFC 7523 section 2.1, RFC 8693 section 2.1 */
export const GRANT_TYPES = {
  clientCredentials: 'client_credentials',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
} as const

/** `client_assertion_type`. RFC 7523 section 2.2, draft-ietf-oauth-spiffe-client-auth */
export const ASSERTION_TYPES = {
  jwtBearer: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  jwtSpiffe: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
} as const

/**
 * `subject_token_type`, `actor_token_type`, `requested_token_type`, `issued_token_type`. RFC 8693 section 3,
 * draft-ietf-oauth-transaction-tokens. Nobody has registered names for SVIDs and WITs: those are ours.
 */
export const TOKEN_TYPES = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  refreshToken: 'urn:ietf:params:oauth:token-type:refresh_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  txnToken: 'urn:ietf:params:oauth:token-type:txn_token',
  selfSigned: 'urn:ietf:params:oauth:token-type:self_signed',
  unsignedJson: 'urn:ietf:params:oauth:token-type:unsigned_json',
  jwtSvid: 'urn:countersign:token-type:jwt-svid',
  x509Svid: 'urn:countersign:token-type:x509-svid',
  wit: 'urn:countersign:token-type:wit',
} as const

/**
 * `typ` of the JWTs that mean something at a token service. RFC 9068 section 2.1, RFC 9449 section 4.2,
 * draft-ietf-oauth-rfc7523bis, draft-ietf-oauth-transaction-tokens, draft-ietf-wimse-workload-creds,
 * draft-ietf-oauth-attestation-based-client-auth
 */
export const JWT_TYPES = {
  accessToken: 'at+jwt',
  dpopProof: 'dpop+jwt',
  clientAuthentication: 'client-authentication+jwt',
  authorizationGrant: 'authorization-grant+jwt',
  txnToken: 'txntoken+jwt',
  wit: 'wit+jwt',
  wpt: 'wpt+jwt',
  clientAttestation: 'oauth-client-attestation+jwt',
  clientAttestationPop: 'oauth-client-attestation-pop+jwt',
} as const

/** HTTP fields, as they are written. draft-ietf-oauth-attestation-based-client-auth-11 */
export const ATTESTATION_FIELDS = {
  attestation: 'OAuth-Client-Attestation',
  proof: 'OAuth-Client-Attestation-PoP',
  challenge: 'OAuth-Client-Attestation-Challenge',
} as const
