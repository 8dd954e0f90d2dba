/** Cryptography of `protocol` on the Web Cryptography API. */
export {
  generateSigningKey,
  importSigningKey,
  type PrivateJwk,
  type SigningKeyOptions,
  type SigningKeySource,
  WebSigningKey,
} from './signing-key.ts'
export { WebVerificationKey, webCrypto } from './web-crypto.ts'
