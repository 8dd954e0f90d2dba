import type { LookupFunction } from 'node:net'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { readPeerChain } from '../tls/peer-chain.ts'
import type { AddressPolicy } from './address-policy.ts'
import { type EndpointAuthentication, verifyEndpoint } from './endpoint-authentication.ts'
import { asFederationError } from './fetch-failure.ts'
import { type ResolveHost, resolveAllowed } from './resolve-address.ts'

const HTTPS_PORT = 443

/** What every connection of one fetch is held to, those that redirects lead to included. */
export interface EndpointRules {
  readonly authentication: EndpointAuthentication
  readonly addresses: AddressPolicy
}

/**
 * Connects to a bundle endpoint and returns when it has proved itself; until then nothing is written to it but the
 * handshake. Any port will do: whoever listens there learns nothing and is asked nothing before that.
 *
 * @param signal ends the attempt, name resolution included
 * @throws FederationError `ERR_FEDERATION_ADDRESS`, `ERR_FEDERATION_UNREACHABLE`, `ERR_FEDERATION_TLS`, `ERR_FEDERATION_CERTIFICATE`,
 *   `ERR_FEDERATION_IDENTITY`, `ERR_FEDERATION_TIMEOUT`
 */
export async function connectEndpoint(
  url: URL,
  { authentication, addresses: policy }: EndpointRules,
  resolve: ResolveHost,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  let socket: TLSSocket | undefined
  try {
    const addresses = await resolveAllowed(host, policy, resolve, signal)
    const lookup: LookupFunction = (_host, { all }, callback) => {
      const [first] = addresses
      if (all === true) callback(null, addresses)
      else callback(null, first?.address ?? '', first?.family)
    }
    socket = connect({
      host,
      port: Number(url.port || HTTPS_PORT),
      lookup,
      servername: isIP(host) === 0 ? host : '',
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      ...webPki(authentication),
    })
    await untilSecure(socket, signal)
    if (authentication.profile === 'https_spiffe') await verifyEndpoint(readPeerChain(socket), authentication)
    return socket
  } catch (error) {
    socket?.destroy()
    throw asFederationError(error, signal)
  }
}

function webPki(authentication: EndpointAuthentication) {
  // OpenSSL would judge by the Web PKI and the host name; what the endpoint shows is verified after the handshake.
  if (authentication.profile === 'https_spiffe') return { rejectUnauthorized: false }
  const { webRoots } = authentication
  return { rejectUnauthorized: true, ...(webRoots === undefined ? {} : { ca: webRoots }) }
}

function untilSecure(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const settle = (end: () => void) => {
      signal.removeEventListener('abort', abort)
      end()
    }
    socket.once('secureConnect', () => settle(resolve))
    // Stays: an error after the handshake must not end the process.
    socket.on('error', (error) => settle(() => reject(error)))
    socket.once('close', () => settle(() => reject(new Error('connection closed'))))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}
