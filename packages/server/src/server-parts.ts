/** Puts together what a server is made of, before anything can reach it from outside. */
import { join } from 'node:path'
import type { Clock, KeyManager, Logger } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { Readiness } from '@countersign/telemetry'
import { JoinTokens } from './attestation/join-tokens.ts'
import { NodeAttestation } from './attestation/node-attestation.ts'
import { NodeAuthentication } from './attestation/node-authentication.ts'
import { type Audit, createAudit } from './audit/audit.ts'
import { Administrators } from './authorization/administrators.ts'
import { TokenAuthentication } from './authorization/oidc/token-authentication.ts'
import { RoleGrants } from './authorization/role-grants.ts'
import { STORE_NAME } from './backup/make-backup.ts'
import type { Closers } from './closers.ts'
import type { ServerConfig } from './config/server-config.ts'
import { createDataDir, rejectUnfinishedRestore, removeRemains } from './data-folder.ts'
import type { DownstreamAuthentication } from './downstream/downstream-authentication.ts'
import type { DownstreamAuthorities } from './downstream/downstream-authorities.ts'
import { openDownstream } from './downstream/open-downstream.ts'
import { Federations } from './federation/federations.ts'
import { createBundleFetcher } from './federation/fetch-bundle.ts'
import { createDocumentFetcher } from './federation/fetch-document.ts'
import { resolveHost } from './federation/resolve-address.ts'
import { IssuanceRate } from './issuance/issuance-rate.ts'
import { authorityLifetimes, openAuthorities, type SigningParts } from './issuance/open-authorities.ts'
import { SvidIssuer } from './issuance/svid-issuer.ts'
import { WorkloadIssuance } from './issuance/workload-issuance.ts'
import { HIGH_WATER_FILE, HighWaterMark } from './recovery/high-water-mark.ts'
import { IssuanceGate } from './recovery/issuance-gate.ts'
import { EntryDirectory } from './registration/entry-directory.ts'
import { EntryIds } from './registration/entry-ids.ts'
import { Registration } from './registration/registration.ts'
import { SyncStates } from './registration/sync-state.ts'
import { BundleStore } from './store/bundle-store.ts'
import { CertificateStore } from './store/certificate-store.ts'
import { EntryStore } from './store/entry-store.ts'
import { FederationStore } from './store/federation-store.ts'
import { JoinTokenStore } from './store/join-token-store.ts'
import { NodeStore } from './store/node-store.ts'
import { RecoveryStore } from './store/recovery-store.ts'
import { RoleGrantStore } from './store/role-grant-store.ts'
import { Store } from './store/store.ts'
import type { Observation } from './telemetry/observation.ts'
import { observeAttestation } from './telemetry/observed-attestation.ts'
import { observeAudit } from './telemetry/observed-audit.ts'
import { observeIssuance } from './telemetry/observed-issuance.ts'
import { ObservedKeyManager } from './telemetry/observed-key-manager.ts'
import { observeStore } from './telemetry/observed-store.ts'
import { createServerReadiness } from './telemetry/server-readiness.ts'

export interface ServerParts extends SigningParts {
  readonly store: Store
  readonly keyManager: KeyManager
  readonly gate: IssuanceGate
  readonly nodes: NodeStore
  readonly bundles: BundleStore
  readonly audit: Audit
  readonly downstream: DownstreamAuthorities
  readonly downstreamAuthentication: DownstreamAuthentication
  readonly issuer: SvidIssuer
  readonly registration: Registration
  readonly joinTokens: JoinTokens
  readonly attestation: Pick<NodeAttestation, 'attest' | 'renew'>
  readonly authentication: NodeAuthentication
  readonly issuance: Pick<WorkloadIssuance, 'issueX509' | 'issueWit' | 'issueJwt'>
  readonly federations: Federations
  readonly states: SyncStates
  readonly certificates: CertificateStore
  /** Of agents, and of identities that the token service gives certificates to. */
  readonly issuanceRate: IssuanceRate
  readonly administrators: Administrators
  readonly roleGrants: RoleGrants
  readonly tokens: TokenAuthentication
  /** Whether all of this works. Parts may add checks of their own. */
  readonly readiness: Readiness
  readonly directory: EntryDirectory
}

/** @throws StoreError, KeyManagerError, ServerError `ERR_SERVER_DATA_DIR`, `ERR_SERVER_RESTORE_UNFINISHED` */
export async function openServerParts(
  config: ServerConfig,
  { log, clock, observation }: { readonly log: Logger; readonly clock: Clock; readonly observation: Observation },
  closers: Closers,
): Promise<ServerParts> {
  const { trustDomain, dataDir, configDir, svids } = config
  const crypto = nodeCrypto
  await createDataDir(dataDir)
  rejectUnfinishedRestore(dataDir)
  const { recorder, tracing } = observation
  const mark = HighWaterMark.open(join(dataDir, HIGH_WATER_FILE))
  closers.add(() => mark.close())
  const store = Store.open(join(dataDir, STORE_NAME), clock, observeStore(recorder, tracing), mark)
  closers.add(() => store.close())
  // Only now is it certain that no other server is at work here.
  await removeRemains(dataDir)
  const plugin = (name: string) => ({ clock, log: log.child({ plugin: name }), dataDir, configDir, trustDomain })
  const audit = observeAudit(createAudit(log), recorder)
  const gate = await IssuanceGate.open(
    { mark, store: new RecoveryStore(store, trustDomain), audit, clock, log },
    await store.revision(),
  )
  const entries = new EntryStore(store)
  const entryIds = new EntryIds(clock, crypto)
  const nodes = new NodeStore(store)
  const directory = await EntryDirectory.open(store)
  const bundles = new BundleStore(store)

  const keyManager = new ObservedKeyManager(config.plugins.keyManager(plugin('key-manager')), {
    recorder,
    tracing,
    clock,
  })
  closers.add(() => keyManager.close())
  const signing = await openAuthorities(config, { store, keyManager, gate, audit, clock, log, plugin }, closers)
  const { authorities, downstreamKeys } = signing
  const certificates = new CertificateStore(store)
  const issuanceRate = new IssuanceRate({ perSecond: svids.issuanceRate, burst: svids.issuanceBurst, clock })
  const issuer = new SvidIssuer({ authorities, crypto, clock, audit, jwtIssuer: svids.jwtIssuer, gate })

  const joinTokens = new JoinTokens({ tokens: new JoinTokenStore(store, clock), audit, clock, crypto, trustDomain })
  const attestors = new Map(
    [...config.plugins.nodeAttestors].map(([name, create]) => [name, create(plugin(name))] as const),
  )
  const fetchBundle = createBundleFetcher(resolveHost)
  const federations = new Federations({
    store: new FederationStore(store),
    bundles,
    fetchBundle,
    audit,
    recorder,
    log: log.child({ component: 'federation' }),
    clock,
    random: Math.random,
    trustDomain,
  })
  closers.add(() => federations.stop())

  const readiness = createServerReadiness({ store, authorities, clock, keyManager: keyManager.readiness })
  readiness.add({ name: 'hold', check: () => gate.holds()[0]?.message })
  readiness.add({
    name: 'store-damage',
    check: () => (store.isDamaged ? 'a damaged page was met in the store' : undefined),
  })

  return {
    ...signing,
    store,
    keyManager,
    gate,
    nodes,
    certificates,
    issuanceRate,
    administrators: new Administrators({ store, clock, trustDomain }),
    roleGrants: new RoleGrants({
      store: new RoleGrantStore(store),
      audit,
      clock,
      newId: () => entryIds.next(),
      trustDomain,
      issuers: config.admin.oidc,
    }),
    tokens: new TokenAuthentication({
      issuers: config.admin.oidc,
      fetch: createDocumentFetcher(resolveHost, 0),
      clock,
      log,
    }),
    bundles,
    audit,
    issuer,
    joinTokens,
    federations,
    directory,
    registration: new Registration({
      entries,
      audit,
      clock,
      trustDomain,
      maxTtlSeconds: authorityLifetimes(config),
      newId: () => entryIds.next(),
    }),
    attestation: observeAttestation(
      new NodeAttestation({
        attestors,
        joinTokens,
        nodes,
        issuer,
        audit,
        clock,
        trustDomain,
        ttlSeconds: svids.agentTtl,
      }),
      observation,
      new Set(attestors.keys()),
    ),
    authentication: new NodeAuthentication({
      nodes,
      audit,
      clock,
      crypto,
      trustDomain,
      authorities: () => authorities.list(),
      gate,
    }),
    issuance: observeIssuance(
      new WorkloadIssuance({
        directory,
        issuer,
        certificates,
        rate: issuanceRate,
        audit,
        clock,
        defaultTtlSeconds: { x509: svids.x509Ttl, jwt: svids.jwtTtl, wit: svids.witTtl },
      }),
      observation,
    ),
    states: new SyncStates(store, directory, trustDomain),
    readiness,
    ...openDownstream(config, {
      ...{ store, directory, authorities, certificates, bundles, audit, clock },
      keys: downstreamKeys,
    }),
  }
}
