import { createServer, type IncomingMessage } from 'node:http'
import * as oauth from 'oauth4webapi'
import { close, listen, type RunningResource } from './our-resource.ts'
import { ORDERS } from './scenario.ts'

/** A service that takes access tokens by oauth4webapi: for the orders, with whatever proof the token needs. */
export async function startForeignResource(issuer: string): Promise<RunningResource> {
  const url = new URL(issuer)
  const discovery = await oauth.discoveryRequest(url, { algorithm: 'oauth2' })
  const authorizationServer = await oauth.processDiscoveryResponse(url, discovery)
  const server = createServer()
  const origin = await listen(server)
  server.on('request', async (request, response) => {
    try {
      const claims = await oauth.validateJwtAccessToken(authorizationServer, toWebRequest(request, origin), ORDERS)
      response.end(JSON.stringify({ sub: claims.sub, isBound: claims.cnf?.jkt !== undefined }))
    } catch (error) {
      response.writeHead(401).end(JSON.stringify({ refused: (error as Error).message }))
    }
  })
  return { url: origin, close: () => close(server) }
}

function toWebRequest({ method = 'GET', url = '/', headers }: IncomingMessage, origin: string): Request {
  const fields = Object.entries(headers).filter((field): field is [string, string] => typeof field[1] === 'string')
  return new Request(origin + url, { method, headers: fields })
}
