import { isIPv4, isIPv6 } from 'node:net'
import { EndpointError, type EndpointErrorCode } from './endpoint-error.ts'

/** Where an endpoint listens. `host` is an IP address, or a DNS name where the standard of the endpoint allows one. */
export type EndpointAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** What the standards of two endpoints say differently about their addresses. */
export interface EndpointKind {
  /** For messages. */
  readonly name: string
  /** The variable that every client reads when it is not told an address. */
  readonly variable: string
  readonly allowsDnsNames: boolean
}

/** The variable that every SPIFFE client reads when it is not told an address. */
export const ENDPOINT_VARIABLE = 'SPIFFE_ENDPOINT_SOCKET'

const WORKLOAD_ENDPOINT: EndpointKind = { name: 'workload API', variable: ENDPOINT_VARIABLE, allowsDnsNames: false }

/** Longest path a Unix socket can have on Linux: `sun_path` without its terminating zero. */
export const MAX_SOCKET_PATH_BYTES = 107

/** A host name of RFC 1123, at most 253 characters; its last label is not a number, as in a misspelt IP address. */
const DNS_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i

/**
 * Parses an endpoint address: `unix:///absolute/path` or `tcp://<IP address>:<port>`, and nothing else.
 *
 * @param text the address, or `undefined` when neither the caller nor the environment names one
 * @param endpoint default the Workload Endpoint
 * @throws EndpointError `ERR_ENDPOINT_MISSING` when there is no address
 * @throws EndpointError `ERR_ENDPOINT_SCHEME` for another scheme
 * @throws EndpointError `ERR_ENDPOINT_COMPONENT` for user information, a query, a fragment, or anything after a port
 * @throws EndpointError `ERR_ENDPOINT_PATH` for a path that is not absolute or that no socket can have
 * @throws EndpointError `ERR_ENDPOINT_HOST` when the host is not what the endpoint allows, or a unix address has a host
 * @throws EndpointError `ERR_ENDPOINT_PORT` when the port is missing or out of range
 * @see SPIFFE Workload Endpoint section 4
 */
export function parseEndpointAddress(text: string | undefined, endpoint = WORKLOAD_ENDPOINT): EndpointAddress {
  if (text === undefined || text === '') {
    throw new EndpointError('ERR_ENDPOINT_MISSING', `no ${endpoint.name} address: set ${endpoint.variable}`)
  }
  const refuse: Refuse = (code, problem) => {
    throw new EndpointError(code, `${endpoint.name} address ${problem}`)
  }
  if (/[?#]/.test(text)) refuse('ERR_ENDPOINT_COMPONENT', 'has a query or fragment')
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? []
  if (rest === undefined) refuse('ERR_ENDPOINT_SCHEME', 'must begin with unix:// or tcp://')
  switch (scheme?.toLowerCase()) {
    case 'unix':
      return parseUnix(rest, refuse)
    case 'tcp':
      return parseTcp(rest, endpoint, refuse)
    default:
      return refuse('ERR_ENDPOINT_SCHEME', 'must begin with unix:// or tcp://')
  }
}

/** The address as a gRPC target name. */
export function formatGrpcTarget(address: EndpointAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  if (isIPv6(address.host)) return `ipv6:[${address.host}]:${address.port}`
  return `${isIPv4(address.host) ? 'ipv4' : 'dns'}:${address.host}:${address.port}`
}

/** The address as `SPIFFE_ENDPOINT_SOCKET` holds it. */
export function formatEndpointAddress(address: EndpointAddress): string {
  if (address.kind === 'unix') return `unix://${encodeURI(address.path).replace(/[?#]/g, encodeURIComponent)}`
  return `tcp://${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`
}

type Refuse = (code: EndpointErrorCode, problem: string) => never

function parseUnix(rest: string, refuse: Refuse): EndpointAddress {
  if (!rest.startsWith('/')) refuse('ERR_ENDPOINT_HOST', 'has a host: a unix address is unix:///absolute/path')
  const path = decodePath(rest, refuse)
  if (path.length < 2 || path.endsWith('/') || path.includes('\0')) {
    refuse('ERR_ENDPOINT_PATH', 'does not name a socket')
  }
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    refuse('ERR_ENDPOINT_PATH', `has a path of more than ${MAX_SOCKET_PATH_BYTES} bytes`)
  }
  return { kind: 'unix', path }
}

function decodePath(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse('ERR_ENDPOINT_PATH', 'has a malformed percent-encoding')
  }
}

function parseTcp(rest: string, { allowsDnsNames }: EndpointKind, refuse: Refuse): EndpointAddress {
  if (/[/@]/.test(rest)) refuse('ERR_ENDPOINT_COMPONENT', 'holds more than a host and a port')
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(rest) ?? []
  const host = bracketed ?? bare
  const isBareHost = (text: string) => isIPv4(text) || (allowsDnsNames && DNS_NAME.test(text))
  if (host === undefined || !(bracketed === undefined ? isBareHost(host) : isIPv6(host) && !host.includes('%'))) {
    return refuse('ERR_ENDPOINT_HOST', `must name its host by IP address${allowsDnsNames ? ' or DNS name' : ''}`)
  }
  if (port === undefined || !/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535) {
    refuse('ERR_ENDPOINT_PORT', 'has no port from 1 to 65535')
  }
  return { kind: 'tcp', host, port: Number(port) }
}
