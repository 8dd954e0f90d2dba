export { NodeVerificationKey, nodeCrypto } from './node-crypto.ts'
export {
  generateSigningKey,
  importSigningKey,
  NodeSigningKey,
  type PrivateJwk,
  type SigningKeyOptions,
  type SigningKeySource,
} from './signing-key.ts'
