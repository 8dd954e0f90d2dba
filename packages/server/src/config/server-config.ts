import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { ConfigError, loadConfigFile, parseConfig } from '@countersign/plugin-kit'
import { errorCode, parseTrustDomain } from '@countersign/protocol'
import { validateIssuers } from '../exchange/issuers/issuers.ts'
import { validateClients } from '../exchange/registered-clients.ts'
import type { TokenServiceConfig } from '../exchange/token-service-schema.ts'
import { parseTokenServiceUrls } from '../exchange/token-service-urls.ts'
import { IssuerUrlError, parseIssuerUrl } from '../issuance/issuer-url.ts'
import { isDnsName } from '../registration/dns-name.ts'
import { ServerConfigFile } from './server-config-schema.ts'
import { parsePluginChoices, type ServerPlugins } from './server-plugins.ts'

/** The whole configuration, checked, with defaults filled in and absolute paths. */
export interface ServerConfig extends Omit<ServerConfigFile, 'admin' | 'keyManager' | 'nodeAttestors'> {
  readonly admin: { readonly socket: string }
  readonly plugins: ServerPlugins
}

/** What the kernel takes as the path of a Unix socket. unix(7) */
const MAX_SOCKET_PATH_BYTES = 107

/**
 * Reads the YAML file of a server.
 *
 * @param env for `${NAME}` in values, default `process.env`
 * @throws ConfigError `ERR_CONFIG_*` with the path of the first wrong key
 */
export async function loadServerConfig(
  path: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ServerConfig> {
  const absolute = resolve(path)
  return parseServerConfig(await loadConfigFile(absolute, env), resolve(absolute, '..'))
}

/**
 * Checks a configuration without touching anything it names.
 *
 * @param baseDir relative paths start here
 * @throws ConfigError `ERR_CONFIG_UNKNOWN_KEY`, `ERR_CONFIG_INVALID`
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`
 */
export function parseServerConfig(value: unknown, baseDir: string): ServerConfig {
  const { admin, keyManager, nodeAttestors, ...file } = parseConfig(ServerConfigFile, value)
  rejectTrustDomain(file.trustDomain)
  rejectIssuer(file.svids.jwtIssuer)
  rejectHost('machine.advertisedHost', file.machine.advertisedHost)
  rejectHost('public.host', file.public.host)
  if ((file.public.certFile === undefined) !== (file.public.keyFile === undefined)) {
    throw new ConfigError('ERR_CONFIG_INVALID', '"public.certFile" and "public.keyFile" must be given together')
  }
  const dataDir = resolve(baseDir, file.dataDir)
  const socket = admin.socket === undefined ? resolve(dataDir, 'admin.sock') : resolve(baseDir, admin.socket)
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"admin.socket" is longer than ${MAX_SOCKET_PATH_BYTES} bytes`)
  }
  const { tokenService, ...others } = file
  return {
    ...others,
    ...(tokenService !== undefined && {
      tokenService: resolveTokenService(tokenService, file.svids.jwtIssuer, baseDir),
    }),
    dataDir,
    public: {
      ...file.public,
      ...(file.public.certFile !== undefined && { certFile: resolve(baseDir, file.public.certFile) }),
      ...(file.public.keyFile !== undefined && { keyFile: resolve(baseDir, file.public.keyFile) }),
    },
    admin: { socket },
    plugins: parsePluginChoices(keyManager, nodeAttestors),
  }
}

/** Paths become absolute, and whatever can be seen to be wrong is. */
function resolveTokenService(
  config: TokenServiceConfig,
  jwtIssuer: string | undefined,
  baseDir: string,
): TokenServiceConfig {
  parseTokenServiceUrls(config.issuer, jwtIssuer)
  validateIssuers(config.issuers)
  validateClients(config.clients, config.issuers)
  const withAbsolutePaths = <Keys extends { readonly jwksFile?: string; readonly webRootsFile?: string }>(
    keys: Keys,
  ) => {
    const { jwksFile, webRootsFile } = keys
    return {
      ...keys,
      ...(jwksFile && { jwksFile: resolve(baseDir, jwksFile) }),
      ...(webRootsFile && { webRootsFile: resolve(baseDir, webRootsFile) }),
    }
  }
  return {
    ...config,
    rulesFile: resolve(baseDir, config.rulesFile),
    issuers: config.issuers.map(withAbsolutePaths),
    clients: config.clients.map(withAbsolutePaths),
  }
}

function rejectTrustDomain(text: string): void {
  try {
    parseTrustDomain(text)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"trustDomain": ${(cause as Error).message}`, { cause })
  }
}

function rejectIssuer(issuer: string | undefined): void {
  if (issuer === undefined) return
  try {
    parseIssuerUrl(issuer)
  } catch (cause) {
    if (!(cause instanceof IssuerUrlError)) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"svids.jwtIssuer": ${cause.message}`, { cause })
  }
}

/** These go into certificates, so they are checked before the server starts. */
function rejectHost(path: string, host: string | undefined): void {
  if (host !== undefined && isIP(host) === 0 && !isDnsName(host)) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"${path}" must be an IP address or a lower-case host name`)
  }
}
