import { InvalidArgumentError } from 'commander'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The URL of a service that is sent credentials: https, or on this host. */
export function parseServiceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname))
  if (isSafe) return text
  throw new InvalidArgumentError('Expected an https URL.')
}
