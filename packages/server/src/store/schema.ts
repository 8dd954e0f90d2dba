/** Rows as they lie in the store. Lists and documents are JSON text, flags are 0 or 1, times are epoch seconds. */

export interface EntryRow {
  readonly id: string
  readonly revision: number
  readonly created_at: number
  readonly spiffe_id: string
  readonly parent_id: string
  readonly selectors: string
  /** Canonical text of the selector set: equal sets have equal keys. */
  readonly selector_key: string
  readonly x509_svid_ttl: number | null
  readonly jwt_svid_ttl: number | null
  readonly wit_ttl: number | null
  readonly dns_names: string | null
  readonly hint: string | null
  readonly admin: number | null
  readonly downstream: number | null
  readonly federates_with: string | null
  readonly expires_at: number | null
}

export interface NodeRow {
  readonly agent_id: string
  readonly attestor: string
  readonly selectors: string
  readonly attested_at: number
  readonly expires_at: number
  readonly banned_at: number | null
  /** Serial number of the newest X509-SVID, hexadecimal. */
  readonly serial: string
  /** The one the node held when it renewed: the answer to a renewal may have been lost. */
  readonly previous_serial: string | null
}

export interface JoinTokenRow {
  /** SHA-256 of the token, hexadecimal. The token itself is never stored. */
  readonly hash: string
  readonly agent_path: string
  readonly created_at: number
  readonly expires_at: number
  readonly used_at: number | null
  /** Hash of the public key that it was spent for. */
  readonly used_key: string | null
  /** JSON list of texts; null for none. */
  readonly selectors: string | null
}

export interface BundleRow {
  readonly trust_domain: string
  readonly document: string
  readonly sequence: number | null
  readonly updated_at: number
}

export interface FederationRow {
  readonly trust_domain: string
  readonly bundle_endpoint_url: string
  readonly profile: string
  readonly web_roots: string | null
  readonly endpoint_spiffe_id: string | null
  /** JSON list of ranges. */
  readonly allowed_addresses: string | null
  readonly last_refresh_at: number | null
  readonly last_error_code: string | null
  readonly last_error_message: string | null
  readonly last_error_detail: string | null
  readonly last_error_at: number | null
}

export interface AuthorityRow {
  readonly id: string
  readonly kind: string
  readonly key_name: string
  readonly state: string
  readonly not_before: number
  readonly not_after: number
  /** Base64 DER of a certificate authority. */
  readonly certificate: string | null
  /** JSON of a token signing key's public half. */
  readonly public_jwk: string | null
  readonly tainted_at: number | null
  /** JSON: what stands above a certificate authority that was signed from above. */
  readonly upstream: string | null
}

/** A certificate authority's key for which somebody has yet to bring a certificate. */
export interface AuthorityRequestRow {
  readonly id: string
  readonly key_name: string
  /** Base64 PKCS #10. */
  readonly csr: string
  readonly created_at: number
  readonly ends_at: number
}

/** A token signing key of a server below this one. */
export interface DownstreamKeyRow {
  readonly kid: string
  readonly kind: string
  /** SPIFFE ID of the server below. */
  readonly holder: string
  /** The node on which it ran. */
  readonly agent_id: string
  readonly public_jwk: string
  readonly not_after: number
}

/** What is left of an authority that was revoked: its key is gone. */
export interface RevokedAuthorityRow {
  readonly id: string
  readonly kind: string
  readonly not_before: number
  readonly not_after: number
  readonly tainted_at: number | null
  readonly revoked_at: number
}

/** What one node last said it holds of what a tainted authority signed. */
export interface TaintReportRow {
  readonly authority_id: string
  readonly agent_id: string
  readonly credentials: number
  readonly reported_at: number
}

/** An X509-SVID that a node was given for itself or one of its workloads, until it ends. */
export interface CertificateRow {
  /** Hexadecimal. */
  readonly serial: string
  readonly authority_id: string
  readonly agent_id: string
  readonly expires_at: number
  readonly revoked_at: number | null
  /** Of the change that revoked it. */
  readonly revoked_revision: number | null
  readonly reason: string | null
}

/** The newest certificate revocation list of an authority. */
export interface CrlRow {
  readonly authority_id: string
  /** Its CRL number: the revision as of which it is complete. */
  readonly number: number
  readonly this_update: number
  readonly next_update: number
  /** Base64. */
  readonly der: string
}

/** The files in which used assertions and proofs are remembered. One row at the most. */
export interface UsedTokenFilesRow {
  readonly id: number
  /** What the files call themselves; of no files when what was used may be forgotten. */
  readonly name: string
}

/** An access token that was taken back. */
export interface RevokedTokenRow {
  /** `jti`. */
  readonly id: string
  readonly expires_at: number
}

/** A role that somebody was given. */
export interface RoleGrantRow {
  readonly id: string
  readonly created_at: number
  /** Canonical text of the subject: equal subjects have equal keys. */
  readonly subject: string
  /** The SPIFFE ID that the subject is, or that an issuer's `sub` names. */
  readonly identity: string | null
  readonly role: string
  readonly prefix: string
  readonly parents: string
  readonly federates_with: string | null
  readonly dns_names: string | null
  readonly max_ttl: number | null
  readonly expires_at: number | null
}

/** The one row about having been put back to an earlier state. */
export interface RecoveryRow {
  readonly id: number
  /** Since when nothing is issued. */
  readonly held_since: number | null
  readonly cause: string | null
  /** What was issued up to this moment may be missing here. */
  readonly lost_before: number | null
}

export interface ChangeLogRow {
  readonly revision: number
  readonly at: number
  readonly kind: string
  readonly subject: string
  /** Of an entry: what it names now, or did when it was deleted. */
  readonly spiffe_id: string | null
  /** Of an entry that named another before. */
  readonly previous_spiffe_id: string | null
}

export interface Schema {
  readonly revision: { readonly id: number; readonly value: number }
  readonly change_log: ChangeLogRow
  readonly entries: EntryRow
  readonly nodes: NodeRow
  readonly join_tokens: JoinTokenRow
  readonly bundles: BundleRow
  readonly federations: FederationRow
  readonly authorities: AuthorityRow
  readonly revoked_authorities: RevokedAuthorityRow
  readonly taint_reports: TaintReportRow
  readonly certificates: CertificateRow
  readonly crls: CrlRow
  readonly used_token_files: UsedTokenFilesRow
  readonly revoked_tokens: RevokedTokenRow
  /** What the upstream said last: JSON. */
  readonly upstream_bundle: { readonly id: number; readonly document: string; readonly updated_at: number }
  readonly authority_requests: AuthorityRequestRow
  readonly downstream_keys: DownstreamKeyRow
  readonly role_grants: RoleGrantRow
  readonly recovery: RecoveryRow
}
