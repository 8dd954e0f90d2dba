/** oidc-provider with one client that is attested. `node oidc-provider-server.ts SETTINGS_FILE` */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import * as jose from 'jose'
import { Provider } from 'oidc-provider'
import { CLIENT, ORDERS } from '../scene.ts'

export interface ProviderSettings {
  readonly port: number
  readonly method: 'attest_jwt_client_auth' | 'attest_jwt_client_auth_dpop'
  /** Public key of the attester, and the provider's own private one. */
  readonly attesterJwk: jose.JWK
  readonly signingJwk: jose.JWK
}

const settings = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ProviderSettings
const { port, method, attesterJwk, signingJwk } = settings
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [signingJwk] },
  clientAuthMethods: ['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop'],
  clients: [
    {
      ...{ client_id: CLIENT, token_endpoint_auth_method: method, id_token_signed_response_alg: 'ES256' },
      ...{ grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    },
  ],
  scopes: ['orders.read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32) },
    attestClientAuth: {
      enabled: true,
      ack: 'draft-12',
      challengeSecret: randomBytes(32),
      getAttestationSignaturePublicKey: (_context: unknown, header: jose.JWTHeaderParameters) => {
        if (header.kid !== attesterJwk.kid) throw new Error('attester is not known')
        return jose.importJWK(attesterJwk, header.alg)
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => ORDERS,
      getResourceServerInfo: () => ({
        ...{ scope: 'orders.read', audience: ORDERS, accessTokenTTL: 300, accessTokenFormat: 'jwt' },
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
})
createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('listening'))
