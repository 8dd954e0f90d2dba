import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey, importSigningKey } from '../keys-node/signing-key.ts'
import * as web from '../keys-web/index.ts'
import type { CryptoBackendFixture } from './crypto-backend-contract.ts'

export const nodeBackend: CryptoBackendFixture = {
  crypto: nodeCrypto,
  generate: generateSigningKey,
  importKey: importSigningKey,
}

export const webBackend: CryptoBackendFixture = {
  crypto: web.webCrypto,
  generate: (alg, options) => web.generateSigningKey(alg, { ...options, extractable: true }),
  importKey: (source, alg, options) => web.importSigningKey(source, alg, { ...options, extractable: true }),
}
