/** One function for each thing an auditor asks about. Identifiers, hashes and codes only; written to the log for now. */
import type { Entry, RoleGrant } from '@countersign/api'
import type { Logger } from '@countersign/plugin-kit'

export type CredentialKind = 'x509-svid' | 'jwt-svid' | 'wit-svid' | 'agent-svid' | 'server-svid' | 'downstream-ca'

export interface IssuedCredential {
  readonly kind: CredentialKind
  readonly spiffeId: string
  readonly expiresAt: number
  /** Serial number of a certificate, or `jti` of a token. */
  readonly serial: string
  /** The authority that signed. */
  readonly authorityId: string
  readonly agentId?: string
  readonly entryId?: string
}

export interface RefusedAttestation {
  readonly attestor: string
  readonly code: string
  /** How many like this one were left out since the last. */
  readonly more?: number
}

/** A token that the token service gave out. Names and hashes: no token, and no claim that could be secret. */
export interface IssuedExchangeToken {
  readonly grant: string
  /** The exchange rule that allowed it. */
  readonly rule: string
  readonly profile: string
  readonly client: string
  readonly subjectIssuer: string
  readonly subject: string
  /** Base64url SHA-256 of the token that it came from. */
  readonly subjectTokenHash: string
  readonly actorTokenHash?: string
  readonly audience: readonly string[]
  readonly scopes: readonly string[]
  /** `jti`, or a serial number; of a transaction token, which has neither, its SHA-256. */
  readonly tokenId: string
  /** `txn`. */
  readonly transactionId?: string
  readonly expiresAt: number
}

/** A request that was refused. Who asked is told only where it was proved. */
export interface RefusedExchange {
  readonly error: string
  readonly reason: string
  readonly detail?: string
  readonly grant?: string
  readonly client?: string
  readonly subjectIssuer?: string
  readonly subject?: string
  readonly subjectTokenHash?: string
  /** How many like this one were left out since the last. */
  readonly more?: number
}

export interface AdminCallRecord {
  /** Who: `uid:1000`, a SPIFFE ID, an issuer and its subject. Absent when nobody proved to be anybody. */
  readonly subject?: string | undefined
  readonly action: string
  /** The role that was asked for. */
  readonly role?: string | undefined
  /** Identifier of what the call is about. */
  readonly resource?: string | undefined
  readonly decision: 'allowed' | 'denied'
  readonly code?: string | undefined
  readonly reason?: string | undefined
  /** How many like this one were left out since the last. */
  readonly more?: number | undefined
}

export type Audit = ReturnType<typeof createAudit>

export function createAudit(log: Logger) {
  const events = log.child({ audit: true })
  const write = (event: string, fields: object) => events.info({ event, ...fields }, event)
  const entryFields = (entry: Entry) => ({
    entryId: entry.id,
    revision: entry.revision,
    spiffeId: entry.spiffeId,
    parentId: entry.parentId,
  })
  return {
    credentialIssued: (credential: IssuedCredential) => write('credential.issued', credential),
    credentialRefused: (refusal: { agentId: string; entryId: string; code: string }) =>
      write('credential.refused', refusal),
    downstreamRefused: (refusal: { spiffeId: string; code: string }) => write('downstream.refused', refusal),
    nodeAttested: (node: { agentId: string; attestor: string; serial: string }) => write('node.attested', node),
    nodeAttestationRefused: (refusal: RefusedAttestation) => write('node.attestation_refused', refusal),
    nodeRenewed: (node: { agentId: string; serial: string }) => write('node.renewed', node),
    nodeRefused: (refusal: { agentId: string; code: string }) => write('node.refused', refusal),
    nodeBanned: (node: { agentId: string }) => write('node.banned', node),
    nodeEvicted: (node: { agentId: string }) => write('node.evicted', node),
    nodeAdopted: (node: { agentId: string; serial: string }) => write('node.adopted', node),
    issuanceHeld: (hold: { reason: string; cause: string }) => write('issuance.held', hold),
    issuanceResumed: (hold: { reason: string }) => write('issuance.resumed', hold),
    joinTokenCreated: (token: { tokenHash: string; agentId: string; expiresAt: number }) =>
      write('join_token.created', token),
    entryCreated: (entry: Entry) => write('entry.created', entryFields(entry)),
    entryUpdated: (entry: Entry) => write('entry.updated', entryFields(entry)),
    entryDeleted: (entry: Entry) => write('entry.deleted', entryFields(entry)),
    entryExpired: (entry: Entry) => write('entry.expired', entryFields(entry)),
    adminCalled: (call: AdminCallRecord) => write('admin.called', call),
    roleGranted: ({ id, subject, role, prefix }: RoleGrant) => write('role.granted', { id, subject, role, prefix }),
    roleRevoked: ({ id, subject, role, prefix }: RoleGrant) => write('role.revoked', { id, subject, role, prefix }),
    authorityChanged: (authority: { authorityId: string; kind: string; state: string; notAfter: number }) =>
      write('authority.changed', authority),
    tokenIssued: (token: IssuedExchangeToken) => write('token.issued', token),
    tokenRevoked: (token: { tokenId: string; client: string; expiresAt: number }) => write('token.revoked', token),
    tokenRefused: (refusal: RefusedExchange) => write('token.refused', refusal),
    /** The rules that count from now on. */
    exchangeRulesLoaded: (document: { documentHash: string; rules: number }) =>
      write('exchange_rules.loaded', document),
    /** A changed document that cannot be used. @param refusal with the hash of the one that stays in force */
    exchangeRulesRefused: (refusal: { code: string; documentHash: string }) => write('exchange_rules.refused', refusal),
    federationCreated: (federation: { trustDomain: string; bundleEndpointUrl: string }) =>
      write('federation.created', federation),
    federationUpdated: (federation: { trustDomain: string; bundleEndpointUrl: string }) =>
      write('federation.updated', federation),
    federationDeleted: (federation: { trustDomain: string }) => write('federation.deleted', federation),
    federatedBundleRefused: (refusal: { trustDomain: string; code: string }) => write('bundle.refused', refusal),
    logLevelChanged: (change: { level: string; component?: string; forSeconds?: number }) =>
      write('log_level.changed', { logLevel: change.level, part: change.component, forSeconds: change.forSeconds }),
    federatedBundleChanged: (bundle: { trustDomain: string; sequence?: number }) => write('bundle.changed', bundle),
  }
}
