export { CryptoPool, type CryptoPoolOptions } from './crypto-pool.ts'
export {
  generateMlDsaSigningKey,
  importMlDsaSigningKey,
  NodeMlDsaSigningKey,
  NodeMlDsaVerificationKey,
} from './ml-dsa.ts'
export { NodeVerificationKey, nodeCrypto } from './node-crypto.ts'
export { type NodeCryptoOptions, nodeCryptoWith } from './node-crypto-with.ts'
export {
  generateSigningKey,
  importSigningKey,
  NodeSigningKey,
  type PrivateJwk,
  type SigningKeyOptions,
  type SigningKeySource,
} from './signing-key.ts'
