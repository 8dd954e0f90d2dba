import type { Clock, KeyManager, Logger, PluginContext } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Audit } from '../audit/audit.ts'
import type { Closers } from '../closers.ts'
import type { ServerConfig } from '../config/server-config.ts'
import type { IssuanceGate } from '../recovery/issuance-gate.ts'
import { AuthorityRequestStore } from '../store/authority-request-store.ts'
import { AuthorityStore } from '../store/authority-store.ts'
import { CrlStore } from '../store/crl-store.ts'
import { DownstreamKeyStore } from '../store/downstream-key-store.ts'
import type { Store } from '../store/store.ts'
import { TaintReportStore } from '../store/taint-report-store.ts'
import { UpstreamStore } from '../store/upstream-store.ts'
import { Authorities } from './authorities.ts'
import { AuthorityFactory } from './authority-factory.ts'
import { AuthorityImports } from './authority-imports.ts'
import { AuthorityLifeCycle } from './authority-life-cycle.ts'
import { CrlPublisher } from './crl-publisher.ts'
import { openUpstream } from './open-upstream.ts'
import { ownBundlePublisher } from './own-bundle.ts'
import { OwnSigner } from './own-signer.ts'
import { UpstreamFollower } from './upstream-follower.ts'
import type { UpstreamLink } from './upstream-link.ts'

/** What the authorities and all that acts on them are made of. */
interface Surroundings {
  readonly store: Store
  readonly keyManager: KeyManager
  readonly gate: IssuanceGate
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Logger
  readonly plugin: (name: string) => PluginContext
}

/** What signs, what decides when it does, and what is known of those that follow. */
export interface SigningParts {
  readonly authorities: Authorities
  readonly authorityStore: AuthorityStore
  readonly factory: AuthorityFactory
  readonly crls: CrlPublisher
  readonly ownSigner: OwnSigner
  readonly lifeCycle: AuthorityLifeCycle
  readonly imports: AuthorityImports
  readonly upstream: UpstreamLink | undefined
  readonly downstreamKeys: DownstreamKeyStore
  readonly taintReports: TaintReportStore
}

/** How many refresh hints a new key is published before it signs. SPIFFE Federation section 5.1.2: three to five. */
const PROPAGATION_HINTS = 5

export function authorityLifetimes({ authorities }: ServerConfig) {
  const { x509Ttl, jwtTtl, witTtl, oauthTtl } = authorities
  return { x509: x509Ttl, jwt: jwtTtl, wit: witTtl, oauth: oauthTtl }
}

/**
 * Opens the keys that this server signs with, makes those that are missing, and follows what is above them.
 *
 * @throws StoreError, KeyManagerError
 */
export async function openAuthorities(
  config: ServerConfig,
  { store, keyManager, gate, audit, clock, log, plugin }: Surroundings,
  closers: Closers,
): Promise<SigningParts> {
  const { trustDomain } = config
  const crypto = nodeCrypto
  const authorityStore = new AuthorityStore(store, ownBundlePublisher(trustDomain, config.bundle.refreshHint))
  const downstreamKeys = new DownstreamKeyStore(store, authorityStore)
  const upstreamLog = log.child({ component: 'upstream' })
  const upstream = await openUpstream(
    config,
    {
      store: new UpstreamStore(store, authorityStore),
      downstreamKeys,
      clock,
      log: upstreamLog,
      context: plugin('upstream-authority'),
    },
    closers,
  )
  const factory = new AuthorityFactory({
    keyManager,
    crypto,
    clock,
    trustDomain,
    lifetimeSeconds: authorityLifetimes(config),
    jwtAlgorithm: config.authorities.jwtAlgorithm,
    upstream,
    gate,
  })
  const parts = {
    store: authorityStore,
    requests: new AuthorityRequestStore(store),
    upstream,
    keyManager,
    factory,
    audit,
    clock,
    propagationSeconds: PROPAGATION_HINTS * config.bundle.refreshHint,
  }
  const authorities = await Authorities.open({
    ...parts,
    gate,
    log: log.child({ component: 'authorities' }),
    furtherKinds: config.tokenService === undefined ? [] : ['oauth'],
  })
  if (upstream !== undefined) {
    const follower = new UpstreamFollower({ link: upstream, authorities, clock, log: upstreamLog })
    closers.add(() => follower.stop())
  }
  const crls = new CrlPublisher({
    store: new CrlStore(store),
    factory,
    clock,
    log: log.child({ component: 'revocation' }),
    gate,
  })
  await crls.publishDue()
  const taintReports = new TaintReportStore(store)
  return {
    authorities,
    authorityStore,
    factory,
    crls,
    upstream,
    downstreamKeys,
    taintReports,
    ownSigner: new OwnSigner({ ...parts, authorities }),
    lifeCycle: new AuthorityLifeCycle({ ...parts, authorities, reports: taintReports }),
    imports: new AuthorityImports({ ...parts, authorities, crypto, trustDomain }),
  }
}
