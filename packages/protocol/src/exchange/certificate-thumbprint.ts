import { encodeBase64url } from '../encoding/base64url.ts'
import { type CryptoBackend, type Eventual, whenReady } from '../keys/crypto-backend.ts'

/** `x5t#S256`: base64url SHA-256 of a DER certificate. @see RFC 8705 section 3.1 */
export function certificateThumbprint(der: Uint8Array, crypto: CryptoBackend): Eventual<string> {
  return whenReady(crypto.sha256(der), (digest) => encodeBase64url(digest))
}
