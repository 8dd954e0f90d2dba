import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { ConfigError, loadConfigFile, parseConfig } from '@countersign/plugin-kit'
import { errorCode, parseTrustDomain } from '@countersign/protocol'
import type { OidcIssuerConfig } from '../authorization/oidc/oidc-issuer-config.ts'
import { validateIssuers } from '../exchange/issuers/issuers.ts'
import { validateClients } from '../exchange/registered-clients.ts'
import type { TokenServiceConfig } from '../exchange/token-service-schema.ts'
import { parseTokenServiceUrls } from '../exchange/token-service-urls.ts'
import { parseAddressRange } from '../federation/address-range.ts'
import type { SocketAccess } from '../http/unix-socket.ts'
import { IssuerUrlError, parseIssuerUrl } from '../issuance/issuer-url.ts'
import { isDnsName } from '../registration/dns-name.ts'
import { ServerConfigFile } from './server-config-schema.ts'
import { parsePluginChoices, type ServerPlugins } from './server-plugins.ts'

/** The whole configuration, checked, with defaults filled in and absolute paths. */
export interface ServerConfig
  extends Omit<ServerConfigFile, 'admin' | 'keyManager' | 'nodeAttestors' | 'upstreamAuthority'> {
  readonly admin: AdminConfig
  readonly plugins: ServerPlugins
  /** Where relative paths in the settings of plugins start. */
  readonly configDir: string
}

export interface AdminConfig {
  readonly socket: string
  readonly socketAccess: SocketAccess
  readonly remote: boolean
  readonly oidc: readonly OidcIssuerConfig[]
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
  const { admin, keyManager, nodeAttestors, upstreamAuthority, ...file } = parseConfig(ServerConfigFile, value)
  rejectTrustDomain(file.trustDomain)
  rejectIssuer('svids.jwtIssuer', file.svids.jwtIssuer)
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
    admin: {
      socket,
      socketAccess: parseSocketAccess(admin),
      remote: admin.remote,
      oidc: parseIssuers(admin.oidc, baseDir),
    },
    plugins: parsePluginChoices({ keyManager, nodeAttestors, upstreamAuthority }, baseDir),
    configDir: resolve(baseDir),
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

function parseSocketAccess({ socketMode, socketGroup }: ServerConfigFile['admin']): SocketAccess {
  if ((socketGroup !== undefined) !== (socketMode === '0660')) {
    throw new ConfigError('ERR_CONFIG_INVALID', '"admin.socketGroup" goes with socketMode 0660, and only with it')
  }
  if (socketMode !== '0600' && process.platform !== 'linux') {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      '"admin.socketMode" must be 0600 where the kernel does not say who connects',
    )
  }
  return { mode: Number.parseInt(socketMode, 8), gid: socketGroup }
}

/** Nothing is fetched yet: an issuer may be down when the server starts. */
function parseIssuers(issuers: readonly OidcIssuerConfig[], baseDir: string): readonly OidcIssuerConfig[] {
  const names = new Set<string>()
  return issuers.map((config, index) => {
    const path = `admin.oidc[${index}]`
    if (names.has(config.issuer)) throw new ConfigError('ERR_CONFIG_INVALID', `"${path}.issuer" is given twice`)
    names.add(config.issuer)
    rejectIssuer(`${path}.issuer`, config.issuer)
    const { keysFile, webRootsFile, allowedAddresses } = config
    if (keysFile !== undefined && (webRootsFile !== undefined || allowedAddresses !== undefined)) {
      throw new ConfigError('ERR_CONFIG_INVALID', `"${path}.keysFile" is used instead of asking the issuer`)
    }
    if (keysFile === undefined && !config.issuer.startsWith('https://')) {
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `"${path}.issuer" must begin with https:// unless its keysFile is given`,
      )
    }
    if ((allowedAddresses ?? []).some((text) => parseAddressRange(text) === undefined)) {
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `"${path}.allowedAddresses" must be addresses or ranges such as 10.0.0.0/8`,
      )
    }
    return {
      ...config,
      ...(keysFile !== undefined && { keysFile: resolve(baseDir, keysFile) }),
      ...(webRootsFile !== undefined && { webRootsFile: resolve(baseDir, webRootsFile) }),
    }
  })
}

function rejectTrustDomain(text: string): void {
  try {
    parseTrustDomain(text)
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"trustDomain": ${(cause as Error).message}`, { cause })
  }
}

function rejectIssuer(path: string, issuer: string | undefined): void {
  if (issuer === undefined) return
  try {
    parseIssuerUrl(issuer)
  } catch (cause) {
    if (!(cause instanceof IssuerUrlError)) throw cause
    throw new ConfigError('ERR_CONFIG_INVALID', `"${path}": ${cause.message}`, { cause })
  }
}

/** These go into certificates, so they are checked before the server starts. */
function rejectHost(path: string, host: string | undefined): void {
  if (host !== undefined && isIP(host) === 0 && !isDnsName(host)) {
    throw new ConfigError('ERR_CONFIG_INVALID', `"${path}" must be an IP address or a lower-case host name`)
  }
}
