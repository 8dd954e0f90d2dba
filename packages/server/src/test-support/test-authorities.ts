import memoryKeyManager from '@countersign/key-manager-memory'
import { type KeyManager, silentLogger } from '@countersign/plugin-kit'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { FakeClock } from '@countersign/testing'
import { createAudit } from '../audit/audit.ts'
import { Authorities } from '../issuance/authorities.ts'
import { AuthorityFactory } from '../issuance/authority-factory.ts'
import { AuthorityLifeCycle } from '../issuance/authority-life-cycle.ts'
import { ownBundlePublisher } from '../issuance/own-bundle.ts'
import { SvidIssuer } from '../issuance/svid-issuer.ts'
import { AuthorityStore } from '../store/authority-store.ts'
import { BundleStore } from '../store/bundle-store.ts'
import type { Store } from '../store/store.ts'
import { TaintReportStore } from '../store/taint-report-store.ts'
import { RecordingLogger } from './recording-logger.ts'
import { temporaryStore } from './temporary-store.ts'

export const LIFETIME = 6000
export const PROPAGATION = 300
export const trustDomain = 'example.org'

/** Authorities on a store of their own, whose keys the test can reach. */
export async function openTestAuthorities() {
  const { store, clock } = await temporaryStore()
  const keyManager = memoryKeyManager.create({}, { clock, log: silentLogger, dataDir: '/nonexistent' })
  return { store, clock, keyManager, ...(await reopenAuthorities(store, clock, keyManager)) }
}

/** As a server that starts again on the same store. */
export async function reopenAuthorities(store: Store, clock: FakeClock, keyManager: KeyManager) {
  const log = new RecordingLogger()
  const audit = createAudit(log)
  const crypto = nodeCrypto
  const jwtAlgorithm = 'ES256'
  const lifetimeSeconds = { x509: LIFETIME, jwt: LIFETIME, wit: LIFETIME, oauth: LIFETIME }
  const authorityStore = new AuthorityStore(store, ownBundlePublisher(trustDomain, 60))
  const parts = {
    store: authorityStore,
    keyManager,
    factory: new AuthorityFactory({ keyManager, crypto, clock, trustDomain, lifetimeSeconds, jwtAlgorithm }),
    audit,
    clock,
    propagationSeconds: PROPAGATION,
  }
  const authorities = await Authorities.open({ ...parts, log })
  const reports = new TaintReportStore(store)
  const lifeCycle = new AuthorityLifeCycle({ ...parts, authorities, reports })
  const issuer = new SvidIssuer({ authorities, crypto, clock, audit })
  return { authorities, authorityStore, lifeCycle, reports, issuer, bundles: new BundleStore(store), log, audit }
}
