/** Puts the token service together, where one is configured. */
import type { ExchangeExplanation, ExplainExchange } from '@countersign/api'
import { type Clock, type Logger, loadConfigFile, type TokenProfile } from '@countersign/plugin-kit'
import {
  AudiencePolicy,
  type CryptoBackend,
  type ReplayMemory,
  RequestVerifier,
  type TrustStore,
  WitVerifier,
  WptVerifier,
} from '@countersign/protocol'
import { DpopNonces, DpopProofVerifier, OAuthError } from '@countersign/protocol/exchange'
import { CryptoPool, nodeCrypto } from '@countersign/protocol/keys-node'
import { RefusalLimit } from '../audit/refusal-limit.ts'
import { parseAddressRange } from '../federation/address-range.ts'
import { createDocumentFetcher } from '../federation/fetch-document.ts'
import type { ResolveHost } from '../federation/resolve-address.ts'
import type { ServerParts } from '../server-parts.ts'
import { selectCrls } from '../store/crl-store.ts'
import { RevokedTokenStore } from '../store/revoked-token-store.ts'
import { BundleTrust } from './bundle-trust.ts'
import { authenticateClient } from './client-authentication/authenticate-client.ts'
import { JwtAssertion } from './client-authentication/jwt-assertion.ts'
import { PrivateKeyJwt } from './client-authentication/private-key-jwt.ts'
import { SpiffeJwt } from './client-authentication/spiffe-jwt.ts'
import { SpiffeX509 } from './client-authentication/spiffe-x509.ts'
import { WitProof } from './client-authentication/wit-proof.ts'
import { ExchangeError } from './exchange-error.ts'
import { ClientCredentials } from './grants/client-credentials.ts'
import { JwtBearer } from './grants/jwt-bearer.ts'
import { TokenExchange } from './grants/token-exchange.ts'
import { type IntrospectionResponse, introspect } from './introspection.ts'
import { ConfiguredIssuer } from './issuers/configured-issuer.ts'
import { Issuers, validateIssuers } from './issuers/issuers.ts'
import { openKeySource } from './issuers/key-source.ts'
import { OwnAccessTokens } from './own-access-tokens.ts'
import { OwnTokenKeys } from './own-token-keys.ts'
import { proveRequest } from './prove-request.ts'
import { RegisteredClients, validateClients } from './registered-clients.ts'
import { revoke } from './revocation.ts'
import { ExchangeRuleSet } from './rules/exchange-rule-set.ts'
import { explainExchange } from './rules/explain-exchange.ts'
import { createVocabulary } from './rules/rule-vocabulary.ts'
import { TokenEndpoint } from './token-endpoint.ts'
import { TokenProfiles } from './token-profiles.ts'
import type { TokenRequest } from './token-request.ts'
import { TokenServiceHost } from './token-service-host.ts'
import type { TokenServiceConfig } from './token-service-schema.ts'
import type { TokenServiceUrls } from './token-service-urls.ts'
import { ServerTokenSigner } from './token-signer.ts'
import { X509Proof } from './x509-proof.ts'

export interface TokenServiceParts
  extends Pick<ServerParts, 'store' | 'bundles' | 'authorities' | 'issuer' | 'audit' | 'gate'> {
  readonly config: TokenServiceConfig
  readonly urls: TokenServiceUrls
  readonly trustDomain: string
  /** Whether the public listener asks for client certificates. */
  readonly clientCertificates: boolean
  readonly profiles: ReadonlyMap<string, TokenProfile>
  /** Which assertions and proofs were used. */
  readonly usedTokens: ReplayMemory
  readonly resolveHost: ResolveHost
  readonly clock: Clock
  readonly log: Logger
}

/** A token service that answers. */
export interface TokenService {
  readonly urls: TokenServiceUrls
  readonly endpoint: TokenEndpoint
  readonly keys: OwnTokenKeys
  readonly nonces: DpopNonces | undefined
  readonly metadata: {
    readonly grantTypes: readonly string[]
    readonly authMethods: readonly string[]
    readonly clientCertificates: boolean
  }
  /** RFC 7662. @throws OAuthError */
  introspect(request: TokenRequest): Promise<IntrospectionResponse>
  /** RFC 7009. @throws OAuthError */
  revoke(request: TokenRequest): Promise<void>
  /** What the rules would say, without a token. */
  explain(request: ExplainExchange): ExchangeExplanation
  stop(): Promise<void>
}

/**
 * @throws ExchangeError `ERR_EXCHANGE_ISSUER`, `ERR_EXCHANGE_RULES`
 * @throws ConfigError `ERR_CONFIG_*` when the document of rules cannot be read
 */
export async function openTokenService(parts: TokenServiceParts): Promise<TokenService> {
  const { config, urls, trustDomain, store, bundles, usedTokens, audit, clock, log } = parts
  const pool = new CryptoPool()
  const { crypto } = pool
  validateIssuers(config.issuers)
  const issuers = new Issuers(config.issuers.map((issuer) => openIssuer(issuer, parts, crypto)))
  validateClients(config.clients, config.issuers)
  const clients = new RegisteredClients(
    config.clients,
    { crypto, clock, log },
    createDocumentFetcher(parts.resolveHost, 0),
  )
  const bundleTrust = new BundleTrust({ store, bundles, crypto, log })
  const profiles = new TokenProfiles(parts.profiles)
  const rules = await readRules(parts)
  const keys = new OwnTokenKeys(urls.issuer, parts.authorities, crypto)
  const revoked = new RevokedTokenStore(store)
  const nonces = config.dpopNonce ? new DpopNonces(nodeCrypto) : undefined
  const host = new TokenServiceHost({
    urls,
    trustDomain,
    crypto,
    trust: bundleTrust.trust,
    self: keys,
    issuers,
    signer: new ServerTokenSigner({ ...parts, crypto, pool }),
    usedTokens,
    revoked,
  })
  const tokens = new OwnAccessTokens({ crypto, self: keys, revoked })
  const methods = [
    new PrivateKeyJwt({ clients, host }),
    new JwtAssertion({ profiles, host }),
    new SpiffeJwt({ profiles, host }),
    new WitProof({ profiles, host }),
    ...(parts.clientCertificates ? [new SpiffeX509({ profiles, host })] : []),
  ]
  const grants = [
    new ClientCredentials(profiles),
    new JwtBearer({ profiles, host }),
    new TokenExchange({ profiles, host }),
  ]
  const wit = new WitVerifier({ trust: bundleTrust.trust, crypto })
  const audience = new AudiencePolicy({ accepted: [urls.tokenEndpoint, urls.issuer] })
  const wpt = new WptVerifier({ crypto, audience, replayMemory: usedTokens })
  const proofs = {
    crypto,
    dpop: new DpopProofVerifier({ crypto, replayMemory: usedTokens }),
    nonces,
    wits: new RequestVerifier({ wit, wpt }),
    x509: parts.clientCertificates ? openX509Proof(parts, bundleTrust.trust) : undefined,
  }
  /** Who asks at another endpoint than that for tokens. */
  const requireClient = async (request: TokenRequest, url: string) => {
    const client = await authenticateClient(methods, request, await proveRequest(request, { ...proofs, url }))
    if (client !== undefined) return client
    throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client did not authenticate')
  }
  await Promise.all([issuers.start(), clients.start(), bundleTrust.start()])
  return {
    urls,
    keys,
    nonces,
    endpoint: new TokenEndpoint({
      methods,
      grants,
      profiles,
      rules: () => rules,
      host,
      proofs: { ...proofs, url: urls.tokenEndpoint },
      audit,
      refusals: new RefusalLimit(clock),
    }),
    metadata: {
      grantTypes: grants.map(({ type }) => type),
      clientCertificates: parts.clientCertificates,
      authMethods: [...new Set(methods.map(({ name }) => name))],
    },
    async introspect(request) {
      return introspect(request, await requireClient(request, urls.introspectionEndpoint), tokens, rules)
    },
    async revoke(request) {
      await revoke(request, await requireClient(request, urls.revocationEndpoint), tokens, audit)
    },
    explain: (request) => explainExchange(rules, request, urls.issuer),
    async stop() {
      await Promise.all([issuers.stop(), clients.stop(), bundleTrust.stop()])
    },
  }
}

function openX509Proof({ store, trustDomain }: TokenServiceParts, trust: TrustStore): X509Proof {
  return new X509Proof({ crypto: nodeCrypto, trust, trustDomain, readCrls: () => store.read(selectCrls) })
}

function openIssuer(
  config: TokenServiceConfig['issuers'][number],
  parts: TokenServiceParts,
  crypto: CryptoBackend,
): ConfiguredIssuer {
  for (const profile of config.profiles) {
    const half = parts.profiles.get(profile)?.in
    if (half === undefined) {
      throw new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${config.name}": no profile takes "${profile}"`)
    }
    if (!half.vouchers.includes('issuer')) {
      const reason = `by "${profile}" trust domains vouch, or this service, and no configured issuer`
      throw new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${config.name}": ${reason}`)
    }
  }
  if (config.allowedAddresses?.some((range) => parseAddressRange(range) === undefined)) {
    throw new ExchangeError('ERR_EXCHANGE_ISSUER', `issuer "${config.name}": "allowedAddresses" has one that is none`)
  }
  // A redirect of keys would put the word of one host in place of another's.
  const source = openKeySource(config, createDocumentFetcher(parts.resolveHost, 0))
  return new ConfiguredIssuer(config, { source, crypto, clock: parts.clock, log: parts.log })
}

async function readRules({ config, urls, trustDomain, profiles, log }: TokenServiceParts) {
  const document = await loadConfigFile(config.rulesFile)
  const vocabulary = createVocabulary({ ownAudience: urls.issuer, trustDomain, profiles, issuers: config.issuers })
  const rules = ExchangeRuleSet.parse(document, vocabulary)
  if (rules.size === 0) log.warn({ rulesFile: config.rulesFile }, 'there are no exchange rules: nothing will be issued')
  return rules
}
