import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken } from '@countersign/testing'
import { onTestFinished } from 'vitest'
import { NOW } from './run-cli.ts'

export interface TokenEndpoint {
  readonly issuer: string
  readonly requests: { readonly form: Readonly<Record<string, string>>; readonly headers: IncomingHttpHeaders }[]
  /** Claims of the token that it gives. */
  readonly claims: object
  readonly token: string
  /** In place of a token. */
  refusal: { readonly status: number; readonly body: object } | undefined
  /** Members of an answer that grants. */
  grant: object
}

/** A token service on this host that gives what it is told to, and remembers what it was asked. Ends with the test. */
export async function startTokenEndpoint(): Promise<TokenEndpoint> {
  const key = generateSigningKey('ES256', { kid: 'oauth-1' })
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `${origin}/oauth2`
  const claims = { iss: issuer, sub: 'alice', aud: 'https://orders.example', exp: NOW + 300, client_id: 'web' }
  const token = encodeToken({ alg: 'ES256', typ: 'at+jwt', kid: 'oauth-1' }, claims, key)
  const grant = { access_token: token, token_type: 'Bearer', expires_in: 300, scope: 'orders.read' }
  const endpoint: TokenEndpoint = { issuer, requests: [], claims, token, refusal: undefined, grant }
  server.on('request', async (request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url !== '/oauth2/token') {
      response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }))
      return
    }
    const form = Object.fromEntries(new URLSearchParams(await text(request)))
    endpoint.requests.push({ form, headers: request.headers })
    const { status, body } = endpoint.refusal ?? { status: 200, body: endpoint.grant }
    response.writeHead(status).end(JSON.stringify(body))
  })
  return endpoint
}
