import { describeAgreement } from './crypto-backend/agreement.ts'
import type { CryptoBackendFixture } from './crypto-backend/fixture.ts'
import { describeHashes } from './crypto-backend/hashes.ts'
import { describeKeys } from './crypto-backend/keys.ts'
import { describeSignatures } from './crypto-backend/signatures.ts'

export type { CryptoBackendFixture, ExportableKey } from './crypto-backend/fixture.ts'

/**
 * The contract of `CryptoBackend`, and of the signing keys that come with one: the same keys, signatures and refusals on
 * every runtime. `peer` is another implementation; each verifies what the other signed.
 */
export function describeCryptoBackend(name: string, fixture: CryptoBackendFixture, peer: CryptoBackendFixture): void {
  describeAgreement(name, fixture, peer)
  describeSignatures(name, fixture)
  describeKeys(name, fixture)
  describeHashes(name, fixture)
}
