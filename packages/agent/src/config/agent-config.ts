import { resolve } from 'node:path'
import { ConfigError, loadConfigFile, parseConfig } from '@countersign/plugin-kit'
import { errorCode, parseTrustDomain } from '@countersign/protocol'
import { MAX_SOCKET_PATH_BYTES } from '@countersign/workload-api/server'
import { AgentConfigFile } from './agent-config-schema.ts'
import { type AgentPlugins, parsePluginChoices } from './agent-plugins.ts'
import { type BrokerConfig, parseBrokerConfig } from './broker-config.ts'

/** The whole configuration, checked, with defaults filled in and absolute paths. */
export interface AgentConfig
  extends Omit<AgentConfigFile, 'nodeAttestor' | 'workloadAttestors' | 'operator' | 'broker'> {
  readonly operator: { readonly enabled: boolean; readonly socket: string }
  /** Absent: the Broker API is off. */
  readonly broker?: BrokerConfig
  readonly plugins: AgentPlugins
  /** Where relative paths in the settings of plugins start. */
  readonly configDir: string
}

/**
 * Reads the YAML file of an agent.
 *
 * @param env for `${NAME}` in values, default `process.env`
 * @throws ConfigError `ERR_CONFIG_*` with the path of the first wrong key
 */
export async function loadAgentConfig(
  path: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<AgentConfig> {
  const absolute = resolve(path)
  return parseAgentConfig(await loadConfigFile(absolute, env), resolve(absolute, '..'))
}

/**
 * Checks a configuration without touching anything it names.
 *
 * @param baseDir relative paths start here
 * @throws ConfigError `ERR_CONFIG_UNKNOWN_KEY`, `ERR_CONFIG_INVALID`
 */
export function parseAgentConfig(value: unknown, baseDir: string): AgentConfig {
  const { nodeAttestor, workloadAttestors, broker, ...file } = parseConfig(AgentConfigFile, value)
  rejectTrustDomain(file.trustDomain)
  rejectTcp(file.socket)
  rejectSecretNames(file.sds)
  const socket = resolve(baseDir, file.socket)
  rejectLongPath('socket', socket)
  const dataDir = resolve(baseDir, file.dataDir)
  const { enabled, socket: operatorSocket } = file.operator
  const operator = {
    enabled,
    socket: resolve(operatorSocket === undefined ? dataDir : baseDir, operatorSocket ?? 'operator.sock'),
  }
  if (enabled) rejectLongPath('operator.socket', operator.socket)
  return {
    ...file,
    seal: { ...file.seal, ...(file.seal.keyFile !== undefined && { keyFile: resolve(baseDir, file.seal.keyFile) }) },
    dataDir,
    socket,
    operator,
    ...(file.bootstrapBundle !== undefined && { bootstrapBundle: resolve(baseDir, file.bootstrapBundle) }),
    ...(broker !== undefined && { broker: parseBrokerConfig(broker, file.trustDomain, baseDir) }),
    plugins: parsePluginChoices(nodeAttestor, workloadAttestors),
    configDir: resolve(baseDir),
  }
}

/** Under one name a client would sometimes get the one and sometimes the other; a reserved name would never be found. */
function rejectSecretNames(sds: AgentConfigFile['sds']): void {
  const names = [sds.defaultSvidName, sds.defaultBundleName, sds.defaultAllBundlesName]
  if (new Set(names).size !== names.length) {
    throw new ConfigError('ERR_CONFIG_INVALID', '"sds": each of the three names must be another')
  }
  if (names.some((name) => name === '*' || name.startsWith('spiffe://'))) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      '"sds": a name is "*" or begins with "spiffe://", which has a meaning of its own',
    )
  }
}

function rejectLongPath(key: string, path: string): void {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return
  throw new ConfigError('ERR_CONFIG_INVALID', `"${key}" is longer than ${MAX_SOCKET_PATH_BYTES} bytes`)
}

/** Over TCP nobody tells who is at the other end: every program that reaches the port would be every other one. */
function rejectTcp(socket: string): void {
  if (!/^tcp:/i.test(socket)) return
  throw new ConfigError(
    'ERR_CONFIG_INVALID',
    '"socket": the Workload API is not served over TCP, where no caller can be told from another: give the path of a ' +
      'Unix socket, and mount its folder where programs cannot see it',
  )
}

function rejectTrustDomain(text: string): void {
  try {
    parseTrustDomain(text)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"trustDomain": ${(cause as Error).message}`, { cause })
  }
}
