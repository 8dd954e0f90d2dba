import type { CryptoBackend, Eventual } from './crypto-backend.ts'
import { type PublicJwk, thumbprintInput } from './public-jwk.ts'

/** The key's name by its content: base64url SHA-256, 43 characters. @see RFC 7638 section 3 */
export function jwkThumbprint(jwk: PublicJwk, crypto: CryptoBackend): Eventual<string> {
  return crypto.sha256Base64url(thumbprintInput(jwk))
}
