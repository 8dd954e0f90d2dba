import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { verifyAccessToken } from '@countersign/sdk/http'
import { GATEWAY } from './scenario.ts'

export interface RunningResource {
  /** Base URL by which clients reach it. */
  readonly url: string
  close(): Promise<void>
}

/** A service that takes access tokens by our sdk: for the gateway, bound to a key, with a nonce of its own in each proof. */
export async function startOurResource(issuer: string): Promise<RunningResource> {
  const server = createServer()
  const url = await listen(server)
  server.on(
    'request',
    verifyAccessToken(
      { issuer, audience: GATEWAY, baseUrl: url, scopes: 'orders.read', dpopNonce: true },
      ({ authorization, method }, response) => {
        response.end(JSON.stringify({ subject: authorization.subject, binding: authorization.binding, method }))
      },
    ),
  )
  return { url, close: () => close(server) }
}

export async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function close(server: ReturnType<typeof createServer>): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
