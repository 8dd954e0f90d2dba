/** oidc-provider with one client, `private_key_jwt` and JWT access tokens. Sent its settings, says `ready`. */
import { createServer } from 'node:https'
import { Provider } from 'oidc-provider'
import type { TokenServerSettings } from './token-servers.ts'

process.once('message', ({ port, key, cert, clientKey, signingKey }: TokenServerSettings) => {
  const resource = 'https://orders.example'
  const provider = new Provider(`https://localhost:${port}`, {
    jwks: { keys: [{ ...signingKey, alg: 'ES256', use: 'sig', kid: 'own' }] },
    clients: [
      {
        client_id: 'bench',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        id_token_signed_response_alg: 'ES256',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        jwks: { keys: [{ ...clientKey, alg: 'ES256', use: 'sig', kid: 'bench' }] },
      },
    ],
    scopes: ['orders.read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        getResourceServerInfo: () => ({
          scope: 'orders.read',
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  createServer({ key, cert }, provider.callback()).listen(port, '127.0.0.1', () => process.send?.('ready'))
})
