const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether whoever answers at a URL is authenticated: https, or on this host. */
export function isServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))
}

/**
 * Address of a token service, which must be authenticated: whoever answers is sent access tokens, or believed keys.
 *
 * @throws TypeError for anything but https, except on this host
 * @see draft-ietf-oauth-transaction-tokens, "TTS Authentication"
 */
export function requireServiceUrl(text: string): string {
  if (isServiceUrl(text)) return text
  throw new TypeError('a token service is reached by https')
}
