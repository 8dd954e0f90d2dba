export { ConfigError, type ConfigErrorCode } from './config/config-error.ts'
export { type Environment, interpolate } from './config/interpolate.ts'
export { loadConfigFile, parseConfigText } from './config/load-config-file.ts'
export { editDistance, nearestName, suggestion } from './config/nearest-name.ts'
export { deepFreeze, type ParseConfigOptions, parseConfig } from './config/parse-config.ts'
export { type LimitedRead, readLimited, readLimitedFrom } from './files/read-limited.ts'
export { readSecretFile, readSecretLine } from './files/secret-file.ts'
export { type AdjustableLogger, createLogger, type LoggerOptions } from './logging/create-logger.ts'
export { LogLevelError, type LogLevelErrorCode } from './logging/log-level-error.ts'
export { LOG_LEVELS, type LogLevel, type LogLevelChange, type LogLevelReport, LogLevels } from './logging/log-levels.ts'
export { toLogValue } from './logging/log-value.ts'
export { type Logger, silentLogger } from './logging/logger.ts'
export { isSecretName, REDACTED, redactText } from './logging/redact.ts'
export { AttestationError, type AttestationErrorCode } from './plugin/attestation-error.ts'
export { PLUGIN_API_VERSION, PluginCatalog } from './plugin/catalog.ts'
export { type Clock, systemClock } from './plugin/clock.ts'
export {
  definePlugin,
  type PluginContext,
  type PluginDescriptor,
  type PluginType,
  type PluginTypes,
} from './plugin/define-plugin.ts'
export type { KeyManager } from './plugin/key-manager.ts'
export { KeyManagerError, type KeyManagerErrorCode } from './plugin/key-manager-error.ts'
export { isKeyName, requireKeyName } from './plugin/key-name.ts'
export type {
  AgentNodeAttestor,
  AttestedNode,
  NodeAttestorHost,
  NodeAttestorNeed,
  RedeemedJoinToken,
  ServerNodeAttestor,
} from './plugin/node-attestor.ts'
export { formatSelector, parseSelector, type Selector } from './plugin/selector.ts'
export type {
  IssuedSvid,
  IssuerSettings,
  PresentedToken,
  TokenProfile,
  TokenProfileHost,
  TokenProfileIn,
  TokenProfileOut,
  TokenRole,
  TokenSigner,
  TokenVoucher,
} from './plugin/token-profile.ts'
export type { CaRequest, IssuedCa, TokenKey, UpstreamAuthority, UpstreamBundle } from './plugin/upstream-authority.ts'
export { UpstreamAuthorityError, type UpstreamAuthorityErrorCode } from './plugin/upstream-authority-error.ts'
export type { PeerProcess, WorkloadAttestor } from './plugin/workload-attestor.ts'
