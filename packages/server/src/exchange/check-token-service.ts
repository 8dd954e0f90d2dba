import { type Clock, silentLogger, type TokenProfile } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { createDocumentFetcher } from '../federation/fetch-document.ts'
import { openIssuer } from './issuers/open-issuer.ts'
import { RegisteredClients } from './registered-clients.ts'
import { createVocabulary } from './rules/rule-vocabulary.ts'
import { readRules } from './rules/rules-file.ts'
import type { TokenServiceConfig } from './token-service-schema.ts'

export interface CheckTokenServiceParts {
  readonly config: TokenServiceConfig
  readonly trustDomain: string
  readonly profiles: ReadonlyMap<string, TokenProfile>
  readonly clock: Clock
}

/**
 * Says whether a token service would start like this: what its issuers and clients are, and its document of rules. Asks nobody for
 * keys, since who is away now is asked again later.
 *
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`, `ERR_EXCHANGE_KEYS`, `ERR_EXCHANGE_RULES`
 * @throws ConfigError `ERR_CONFIG_*` when the document of rules cannot be read
 */
export async function checkTokenService({ config, trustDomain, ...parts }: CheckTokenServiceParts): Promise<void> {
  const resolveHost = () => Promise.reject(new TypeError('a check asks nobody'))
  const log = silentLogger
  for (const issuer of config.issuers) openIssuer(issuer, { ...parts, resolveHost, log, crypto: nodeCrypto })
  new RegisteredClients(config.clients, { ...parts, crypto: nodeCrypto, log }, createDocumentFetcher(resolveHost, 0))
  const { profiles } = parts
  const vocabulary = createVocabulary({ ownAudience: config.issuer, trustDomain, profiles, issuers: config.issuers })
  await readRules(config.rulesFile, vocabulary)
}
