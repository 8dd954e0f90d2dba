const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Address of a token service, which must be authenticated: whoever answers is sent access tokens, or believed keys.
 *
 * @throws TypeError for anything but https, except on this host
 * @see draft-ietf-oauth-transaction-tokens, "TTS Authentication"
 */
export function requireServiceUrl(text: string): string {
  const { protocol, hostname } = new URL(text)
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))) return text
  throw new TypeError('a token service is reached by https')
}
