/** More is no nonce of anybody's. */
const MAX_NONCE_LENGTH = 1024

/** The nonce that a server gives for the next proof. Characters as RFC 9449 section 8.1 has them: it goes into a JWT. */
export function readNonce(headers: Headers): string | undefined {
  const nonce = headers.get('dpop-nonce')
  return nonce !== null && nonce.length <= MAX_NONCE_LENGTH && /^[!#-[\]-~]+$/.test(nonce) ? nonce : undefined
}
