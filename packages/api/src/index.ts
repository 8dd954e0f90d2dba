export {
  BundleList,
  EndpointProfile,
  EntryList,
  Federation,
  FederationChange,
  FederationList,
  JoinToken,
  NewFederation,
  NewJoinToken,
  Node,
  NodeList,
  NodeReference,
  ServerStatus,
} from './admin.ts'
export {
  AuthorityKind,
  AuthorityList,
  AuthorityReference,
  AuthorityRequestView,
  AuthorityView,
  ImportAuthority,
  PrepareAuthority,
  RootView,
  TaintProgress,
  UpstreamView,
} from './authority.ts'
export {
  BundleDocument,
  Der,
  Problem,
  PublicKey,
  Selector,
  Timestamp,
  TrustDomainBundle,
  TrustDomainName,
  WorkloadId,
} from './common.ts'
export {
  CLEARABLE_ENTRY_FIELDS,
  Entry,
  EntryBatch,
  EntryBatchResult,
  EntryChange,
  EntryEvent,
  EntryWatchMark,
  EntryWatchQuery,
  NewEntry,
} from './entry.ts'
export { ExchangeExplanation, ExplainExchange, ExplainedParty, RuleFinding } from './exchange.ts'
export { HealthCheck, HealthReport } from './health.ts'
export { LogLevelChange, LogLevelReset, LogLevels } from './log-level.ts'
export {
  AgentCredential,
  AttestRequest,
  DownstreamBundle,
  DownstreamCa,
  DownstreamCaRequest,
  DownstreamKeys,
  JwtSvidRequest,
  JwtSvidResponse,
  RenewRequest,
  SyncChange,
  SyncMark,
  SyncQuery,
  SyncState,
  TaintedAuthority,
  TaintReport,
  Token,
  WitSvidRequest,
  WitSvidResponse,
  X509Credential,
  X509SvidRequest,
  X509SvidResponse,
} from './machine.ts'
export { AgentStatus, AttestorFinding, NearEntry, NextStep, ProcessExplanation } from './operator.ts'
export { Finding, FindingList, Hold, HoldReason, ResumeRequest, ResumeResult } from './recovery.ts'
export {
  NewRoleGrant,
  PathPrefix,
  ROLES,
  Role,
  RoleGrant,
  RoleGrantList,
  RoleSubject,
} from './role-grant.ts'
export { EntrySetDigest, type EntryVersion, type SyncSurroundings, syncDigest } from './sync-digest.ts'
export { SyncedState } from './synced-state.ts'
