import { type Clock, silentLogger, systemClock, type TokenProfile } from '@countersign/plugin-kit'
import type { ServerConfig } from './config/server-config.ts'
import { checkTokenService } from './exchange/check-token-service.ts'

/**
 * Reads the files that a configuration names, other than keys and certificates, and says whether a server would start with them.
 * Starts and changes nothing.
 *
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`, `ERR_EXCHANGE_KEYS`, `ERR_EXCHANGE_RULES`
 * @throws ConfigError `ERR_CONFIG_*` when a file cannot be read
 */
export async function checkServerFiles(config: ServerConfig, clock: Clock = systemClock): Promise<void> {
  const { tokenService, trustDomain } = config
  if (tokenService === undefined) return
  await checkTokenService({ config: tokenService, trustDomain, profiles: createProfiles(config, clock), clock })
}

function createProfiles({ plugins, dataDir }: ServerConfig, clock: Clock): ReadonlyMap<string, TokenProfile> {
  const context = { clock, log: silentLogger, dataDir }
  return new Map([...plugins.tokenProfiles].map(([name, create]) => [name, create(context)]))
}
