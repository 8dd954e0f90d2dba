import { normalizeAudience } from '../http/audience.ts'
import type { ReadRequest } from './signed-exchange.ts'

/**
 * Path and query of a request target. An empty path is "/"; the query begins with "?" and is never empty.
 *
 * @see RFC 9421 sections 2.2.6 and 2.2.7
 */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const origin = /^https?:\/\/[^/?#]*/i.exec(target)?.[0] ?? ''
  const rest = target.slice(origin.length)
  const mark = rest.indexOf('?')
  const path = mark === -1 ? rest : rest.slice(0, mark)
  return { path: path === '' ? '/' : path, query: mark === -1 ? '?' : rest.slice(mark) }
}

/** The authority of a request in lower case and without its scheme's default port. RFC 9421 section 2.2.3. */
export function authorityOf({ message, fields }: ReadRequest): string | undefined {
  const hosts = fields.values('host')
  const authority = message.authority ?? (hosts?.length === 1 ? hosts[0] : undefined)
  if (authority === undefined) return undefined
  const uri = normalizeAudience(`${message.scheme ?? 'https'}://${authority}/`)
  return uri.slice(uri.indexOf('://') + 3, -1)
}
