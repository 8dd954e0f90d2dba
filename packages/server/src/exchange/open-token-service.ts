/** Puts the token service together, where one is configured. */
import type { ExchangeExplanation, ExplainExchange } from '@countersign/api'
import type { Clock, Logger, TokenProfile } from '@countersign/plugin-kit'
import type { ReplayMemory, TrustStore } from '@countersign/protocol'
import { DpopNonces, OAuthError } from '@countersign/protocol/exchange'
import { CryptoPool, nodeCrypto } from '@countersign/protocol/keys-node'
import { RefusalLimit } from '../audit/refusal-limit.ts'
import { createDocumentFetcher } from '../federation/fetch-document.ts'
import type { ResolveHost } from '../federation/resolve-address.ts'
import type { ServerParts } from '../server-parts.ts'
import { selectCrls } from '../store/crl-store.ts'
import { RevokedTokenStore } from '../store/revoked-token-store.ts'
import { BundleTrust } from './bundle-trust.ts'
import { AttestedClient } from './client-authentication/attested-client.ts'
import { authenticateClient } from './client-authentication/authenticate-client.ts'
import { JwtAssertion } from './client-authentication/jwt-assertion.ts'
import { PrivateKeyJwt } from './client-authentication/private-key-jwt.ts'
import { SpiffeJwt } from './client-authentication/spiffe-jwt.ts'
import { SpiffeWit } from './client-authentication/spiffe-wit.ts'
import { SpiffeX509 } from './client-authentication/spiffe-x509.ts'
import { WitProof } from './client-authentication/wit-proof.ts'
import { ClientCredentials } from './grants/client-credentials.ts'
import { JwtBearer } from './grants/jwt-bearer.ts'
import { TokenExchange } from './grants/token-exchange.ts'
import { type IntrospectionResponse, introspect } from './introspection.ts'
import { Attesters } from './issuers/attesters.ts'
import { Issuers, validateIssuers } from './issuers/issuers.ts'
import { openIssuer } from './issuers/open-issuer.ts'
import { openProofs } from './open-proofs.ts'
import { OwnAccessTokens } from './own-access-tokens.ts'
import { OwnTokenKeys } from './own-token-keys.ts'
import { proveRequest } from './prove-request.ts'
import { RegisteredClients, validateClients } from './registered-clients.ts'
import { revoke } from './revocation.ts'
import { explainExchange } from './rules/explain-exchange.ts'
import { createVocabulary } from './rules/rule-vocabulary.ts'
import { RulesFile } from './rules/rules-file.ts'
import { TokenEndpoint } from './token-endpoint.ts'
import { TokenProfiles } from './token-profiles.ts'
import type { TokenRequest } from './token-request.ts'
import { TokenServiceHost } from './token-service-host.ts'
import type { TokenServiceConfig } from './token-service-schema.ts'
import type { TokenServiceUrls } from './token-service-urls.ts'
import { ServerTokenSigner } from './token-signer.ts'
import { X509Proof } from './x509-proof.ts'

export interface TokenServiceParts
  extends Pick<
    ServerParts,
    'store' | 'bundles' | 'authorities' | 'issuer' | 'audit' | 'gate' | 'readiness' | 'certificates' | 'issuanceRate'
  > {
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
  /** Challenges for proofs of client attestations. */
  readonly challenges: DpopNonces | undefined
  readonly metadata: {
    readonly grantTypes: readonly string[]
    readonly authMethods: readonly string[]
    /** By what an attestation may be proved, and that none is asked for. */
    readonly popMethods: readonly string[]
    readonly clientCertificates: boolean
  }
  /** RFC 7662. @throws OAuthError */
  introspect(request: TokenRequest): Promise<IntrospectionResponse>
  /** RFC 7009. @throws OAuthError */
  revoke(request: TokenRequest): Promise<void>
  /** What the rules would say, without a token. */
  explain(request: ExplainExchange): ExchangeExplanation
  /** Takes up changed rules. Never fails. */
  reloadRules(): Promise<void>
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
  const configured = config.issuers.map((issuer) => openIssuer(issuer, { ...parts, crypto }))
  const issuers = new Issuers(configured)
  const attesters = new Attesters(configured)
  validateClients(config.clients, config.issuers)
  const clients = new RegisteredClients(
    config.clients,
    { crypto, clock, log },
    createDocumentFetcher(parts.resolveHost, 0),
  )
  const bundleTrust = new BundleTrust({ store, bundles, crypto, clock, log })
  const profiles = new TokenProfiles(parts.profiles)
  const rulesFile = await RulesFile.open({
    path: config.rulesFile,
    vocabulary: createVocabulary({
      ownAudience: urls.issuer,
      trustDomain,
      profiles: parts.profiles,
      issuers: config.issuers,
    }),
    audit,
    log,
  })
  parts.readiness.add(rulesFile.readiness)
  const keys = new OwnTokenKeys(urls.issuer, parts.authorities, crypto)
  const revoked = new RevokedTokenStore(store)
  const nonces = config.dpopNonce ? new DpopNonces(nodeCrypto) : undefined
  const challenges = config.attestationChallenge ? new DpopNonces(nodeCrypto) : undefined
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
    new WitProof('wit_wpt', { profiles, host }),
    new WitProof('wit_http_signature', { profiles, host }),
    new SpiffeWit({ profiles, host }),
    ...(attesters.size === 0
      ? []
      : [new AttestedClient('attest_jwt_client_auth'), new AttestedClient('attest_jwt_client_auth_dpop')]),
    ...(parts.clientCertificates ? [new SpiffeX509({ profiles, host })] : []),
  ]
  const grants = [
    new ClientCredentials(profiles),
    new JwtBearer({ profiles, host }),
    new TokenExchange({ profiles, host }),
  ]
  const x509 = parts.clientCertificates ? openX509Proof(parts, bundleTrust.trust) : undefined
  const proofs = openProofs({
    ...{ crypto, clock, urls, usedTokens, nonces, challenges, attesters, x509 },
    trust: bundleTrust.trust,
  })
  /** Who asks at another endpoint than that for tokens. */
  const requireClient = async (request: TokenRequest, url: string) => {
    const proved = await proveRequest(request, { ...proofs, url })
    const client = await authenticateClient(methods, request, proved)
    if (client === undefined) throw new OAuthError('ERR_OAUTH_INVALID_CLIENT', 'client did not authenticate')
    await proved.useDpopProof()
    return client
  }
  await Promise.all([issuers.start(), clients.start(), bundleTrust.start()])
  return {
    urls,
    keys,
    nonces,
    challenges,
    endpoint: new TokenEndpoint({
      methods,
      grants,
      profiles,
      rules: () => rulesFile.rules,
      host,
      proofs: { ...proofs, url: urls.tokenEndpoint },
      audit,
      refusals: new RefusalLimit(clock),
    }),
    metadata: {
      grantTypes: grants.map(({ type }) => type),
      clientCertificates: parts.clientCertificates,
      authMethods: [...new Set(methods.map(({ name }) => name))],
      // Of WIT-SVIDs too; DPoP in its place is for attestations only.
      popMethods: ['attestation_pop_jwt', ...(attesters.size === 0 ? [] : ['dpop_combined']), 'none'],
    },
    async introspect(request) {
      return introspect(request, await requireClient(request, urls.introspectionEndpoint), tokens, rulesFile.rules)
    },
    async revoke(request) {
      await revoke(request, await requireClient(request, urls.revocationEndpoint), tokens, audit)
    },
    explain: (request) => explainExchange(rulesFile.rules, request, urls.issuer),
    reloadRules: () => rulesFile.reloadIfChanged(),
    async stop() {
      await Promise.all([issuers.stop(), clients.stop(), bundleTrust.stop()])
    },
  }
}

function openX509Proof({ store, trustDomain }: TokenServiceParts, trust: TrustStore): X509Proof {
  return new X509Proof({ crypto: nodeCrypto, trust, trustDomain, readCrls: () => store.read(selectCrls) })
}
