import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CredentialError, errorCode, TrustedKeys } from '@countersign/protocol'
import { AccessTokenVerifier } from '@countersign/protocol/exchange'
import { nodeCrypto as crypto } from '@countersign/protocol/keys-node'

export interface OrdersApiOptions {
  /** Issuer identifier of the token service. */
  readonly issuer: string
  /** Its keys, as its `jwks_uri` gives them. */
  readonly jwks: ConstructorParameters<typeof TrustedKeys>[0]
  readonly audience: string
}

export interface OrdersApi {
  readonly url: string
  stop(): void
}

/** A resource server: it knows the token service, and of Kubernetes nothing. */
export async function startOrdersApi({ issuer, jwks, audience }: OrdersApiOptions): Promise<OrdersApi> {
  const verifier = new AccessTokenVerifier({ crypto })
  const trusted = { name: 'tokens', url: issuer, keys: new TrustedKeys(jwks, crypto) }
  const find = (iss: string) => {
    if (iss === issuer) return trusted
    throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'credential is of another issuer')
  }
  /** @returns status and body; RFC 6750 section 3.1 */
  const answer = async ({ headers }: IncomingMessage): Promise<readonly [number, string]> => {
    const token = headers.authorization?.match(/^Bearer ([\w.-]+)$/)?.[1]
    if (token === undefined) return [401, 'no bearer token']
    try {
      const now = Math.floor(Date.now() / 1000)
      const verified = await verifier.verify(token, find, now)
      if (!verified.audience.includes(audience)) return [401, 'token for another service']
      // A token that is bound to a key is worth nothing without a proof of it, which this service does not read.
      if (verified.confirmation !== undefined) return [401, 'token is bound to a key']
      if (!verified.scopes.includes('orders.read')) return [403, 'scope is missing']
      return [200, `two orders for ${verified.subject}`]
    } catch (error) {
      if (errorCode(error) === undefined) throw error
      return [401, String(errorCode(error))]
    }
  }
  const server = createServer(async (request, response) => {
    const [status, body] = await answer(request)
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}
