/** oidc-provider as another domain's authorization server: gives grants out, and takes ours. `node provider.ts SCENARIO_FILE` */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { JWK } from 'jose'
import { Provider, type TokenContext } from 'oidc-provider'
import { CLIENT, OTHER_SERVER, type Scenario, USER } from '../scene.ts'
import { giveGrants } from './give-grant.ts'
import { takeGrants } from './take-grant.ts'

const scenario = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Scenario
const { ours, theirs, port, clientKey, providerKey } = scenario
const { d: _, ...publicClientKey } = clientKey
const grantTypes = [
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]

const provider = new Provider(theirs, {
  jwks: { keys: [{ ...providerKey, use: 'sig' }] },
  clients: [
    {
      ...{ client_id: CLIENT, token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' },
      ...{ id_token_signed_response_alg: 'ES256', grant_types: grantTypes, redirect_uris: [], response_types: [] },
      jwks: { keys: [{ ...publicClientKey, use: 'sig' }] },
    },
  ],
  findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
  extraTokenClaims: (context: TokenContext | undefined) => {
    const act = context?.state['act']
    return act === undefined ? undefined : { act }
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: true },
  },
})
takeGrants(provider, { issuer: ours, name: 'partner' })
giveGrants(provider, providerKey as JWK, [ours, OTHER_SERVER])

/** How a user signs in there is not what is looked at: the access token that comes of it is. */
const client = await provider.Client.find(CLIENT)
const token = new provider.AccessToken({ accountId: USER, client, gty: 'authorization_code', scope: 'orders.read' })
const accessToken = await token.save()

const [cert, key] = await Promise.all([readFile(scenario.certificate), readFile(scenario.certificateKey)])
createServer({ cert, key }, provider.callback()).listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ accessToken }))
})
