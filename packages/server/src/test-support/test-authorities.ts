import memoryKeyManager from '@countersign/key-manager-memory'
import { type KeyManager, silentLogger, type UpstreamAuthority } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { FakeClock } from '@countersign/testing'
import { createAudit } from '../audit/audit.ts'
import { Authorities } from '../issuance/authorities.ts'
import { AuthorityFactory } from '../issuance/authority-factory.ts'
import { AuthorityImports } from '../issuance/authority-imports.ts'
import { AuthorityLifeCycle } from '../issuance/authority-life-cycle.ts'
import { ownBundlePublisher } from '../issuance/own-bundle.ts'
import { SvidIssuer } from '../issuance/svid-issuer.ts'
import { UpstreamLink } from '../issuance/upstream-link.ts'
import { AuthorityRequestStore } from '../store/authority-request-store.ts'
import { AuthorityStore } from '../store/authority-store.ts'
import { BundleStore } from '../store/bundle-store.ts'
import { DownstreamKeyStore } from '../store/downstream-key-store.ts'
import type { Store } from '../store/store.ts'
import { TaintReportStore } from '../store/taint-report-store.ts'
import { UpstreamStore } from '../store/upstream-store.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryStore } from './temporary-store.ts'
import { openTestGate } from './test-gate.ts'

export const LIFETIME = 6000
export const PROPAGATION = 300
export const trustDomain = 'example.org'

/** Authorities on a store of their own, whose keys the test can reach. */
export async function openTestAuthorities(makeUpstream?: (clock: FakeClock) => UpstreamAuthority) {
  const { store, clock } = await temporaryStore()
  const keyManager = memoryKeyManager.create({}, { clock, log: silentLogger, dataDir: '/nonexistent' })
  const upstream = makeUpstream?.(clock)
  return { store, clock, keyManager, ...(await reopenAuthorities(store, clock, keyManager, upstream)) }
}

/** As a server that starts again on the same store. */
export async function reopenAuthorities(
  store: Store,
  clock: FakeClock,
  keyManager: KeyManager,
  upstream?: UpstreamAuthority,
) {
  const log = new RecordingLogger()
  const audit = createAudit(log)
  const gate = await openTestGate(store, clock)
  const crypto = nodeCrypto
  const jwtAlgorithm = 'ES256'
  const lifetimeSeconds = { x509: LIFETIME, jwt: LIFETIME, wit: LIFETIME, oauth: LIFETIME }
  const authorityStore = new AuthorityStore(store, ownBundlePublisher(trustDomain, 60))
  const downstreamKeys = new DownstreamKeyStore(store, authorityStore)
  const link =
    upstream &&
    (await UpstreamLink.open({
      ...{ upstream, name: 'test', store: new UpstreamStore(store, authorityStore), crypto, clock, log, trustDomain },
      downstreamKeys: () => downstreamKeys.list(),
    }))
  const parts = {
    store: authorityStore,
    requests: new AuthorityRequestStore(store),
    upstream: link,
    keyManager,
    factory: new AuthorityFactory({
      ...{ keyManager, crypto, clock, trustDomain, lifetimeSeconds, jwtAlgorithm, upstream: link, gate },
    }),
    audit,
    clock,
    propagationSeconds: PROPAGATION,
  }
  const authorities = await Authorities.open({ ...parts, gate, log })
  const reports = new TaintReportStore(store)
  const lifeCycle = new AuthorityLifeCycle({ ...parts, authorities, reports })
  const issuer = new SvidIssuer({ authorities, crypto, clock, audit, gate })
  const imports = new AuthorityImports({ ...parts, authorities, crypto, trustDomain })
  const bundles = new BundleStore(store)
  const { factory } = parts
  return {
    gate,
    authorities,
    authorityStore,
    factory,
    lifeCycle,
    imports,
    link,
    downstreamKeys,
    reports,
    issuer,
    bundles,
    log,
    audit,
  }
}
