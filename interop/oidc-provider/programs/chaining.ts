/** A client of both servers, with oauth4webapi: takes users from one domain to the other, both ways. */
import type { webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, decodeJwt, exportJWK, type JWTPayload } from 'jose'
import * as oauth from 'oauth4webapi'
import { refusalOf } from '../../oauth-clients/oauth-client.ts'
import { CLIENT, DOMAIN, OTHER_SERVER, OUR_API, PORTAL, type Scenario, THEIR_API, USER } from '../scene.ts'

const [scenarioFile = '', userToken = ''] = process.argv.slice(2)
const scenario = JSON.parse(await readFile(scenarioFile, 'utf8')) as Scenario
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const TYPE = {
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
}

const client: oauth.Client = { client_id: CLIENT }
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' }
const clientKey = await crypto.subtle.importKey('jwk', scenario.clientKey, ecdsa, false, ['sign'])
const dpopKey = (await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
const jkt = await calculateJwkThumbprint(await exportJWK(dpopKey.publicKey))
const [ours, theirs] = [await discover(scenario.ours, 'oauth2'), await discover(scenario.theirs, 'oidc')]
let failed = false

async function discover(issuer: string, algorithm: 'oauth2' | 'oidc'): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm }))
}

async function ask(
  server: oauth.AuthorizationServer,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
  dpop = false,
): Promise<oauth.TokenEndpointResponse> {
  const by = oauth.PrivateKeyJwt(
    { key: clientKey, kid: String(scenario.clientKey.kid) },
    // RFC 7523bis: the issuer identifier alone.
    { [oauth.modifyAssertion]: (_, claims) => Object.assign(claims, { aud: server.issuer }) },
  )
  const options = dpop ? { DPoP: oauth.DPoP(client, dpopKey) } : {}
  const response = await oauth.genericTokenEndpointRequest(server, client, by, grantType, parameters, options)
  const recognizedTokenTypes = { n_a: () => {} }
  return oauth.processGenericTokenEndpointResponse(server, client, response, { recognizedTokenTypes })
}

function report(check: string, ok: boolean, detail: string): void {
  if (!ok) failed = true
  console.log(JSON.stringify({ check, ok, detail }))
}

async function gives(check: string, run: () => Promise<readonly [boolean, string]>): Promise<void> {
  const [ok, detail] = await run().catch((error) => [false, refusalOf(error)] as const)
  report(check, ok, detail)
}

async function refuses(check: string, expected: string, run: () => Promise<unknown>): Promise<void> {
  const detail = await run().then(() => 'was granted', refusalOf)
  report(`refused: ${check}`, detail === expected, detail)
}

const actorsOf = ({ act }: JWTPayload): string[] => {
  const { sub, ...rest } = (act ?? {}) as { readonly sub?: string }
  return sub === undefined ? [] : [sub, ...actorsOf(rest as JWTPayload)]
}

/** Out of our domain. */
const signIn = async () => (await ask(ours, 'client_credentials', { scope: 'orders.read orders.write' })).access_token
const ourGrant = async (form: object = {}, dpop = false) => {
  const parameters = { ...TYPE, subject_token: await signIn(), resource: scenario.theirs, ...form }
  return (await ask(ours, EXCHANGE, parameters, dpop)).access_token
}
const bringThem = (assertion: string, form: object = {}, dpop = false) =>
  ask(theirs, JWT_BEARER, { assertion, ...form }, dpop)

await gives('oidc-provider takes our grant: user, scope and chain', async () => {
  const { access_token: token } = await bringThem(await ourGrant())
  const claims = decodeJwt(token)
  const seen = [claims.iss, claims.sub, claims.aud, claims['scope'], actorsOf(claims).join(' < ')]
  const expected = [scenario.theirs, `partner/${USER}`, THEIR_API, 'orders.read', `${CLIENT} < ${CLIENT}`]
  return [seen.join() === expected.join(), seen.slice(1).join(', ')]
})
await gives('and binds its token to the key that was proved to us', async () => {
  const { access_token: token, token_type: type } = await bringThem(await ourGrant({}, true), {}, true)
  const { cnf } = decodeJwt<{ cnf?: { jkt?: string } }>(token)
  return [cnf?.jkt === jkt && type === 'dpop', type]
})
await refuses('by oidc-provider, a grant that comes again', '400 invalid_grant', async () => {
  const grant = await ourGrant()
  await bringThem(grant)
  return bringThem(grant)
})
await refuses('by oidc-provider, a grant for another server', '400 invalid_grant', async () =>
  bringThem(await ourGrant({ resource: OTHER_SERVER })),
)
await refuses('by oidc-provider, our access token in its place', '400 invalid_grant', async () =>
  bringThem(await signIn()),
)
await refuses('by oidc-provider, more scope than the grant has', '400 invalid_scope', async () =>
  bringThem(await ourGrant(), { scope: 'orders.read orders.write' }),
)
await refuses('by us, a grant for more scope than the rule has', '400 invalid_scope', () =>
  ourGrant({ scope: 'orders.write' }),
)
await refuses('by us, a grant for a server that no rule names', '400 invalid_target', () =>
  ourGrant({ resource: PORTAL }),
)

/** Into our domain. */
const theirGrant = async (form: object = {}) => {
  const parameters = { ...TYPE, subject_token: userToken, resource: scenario.ours, ...form }
  return (await ask(theirs, EXCHANGE, parameters)).access_token
}
const bringUs = (assertion: string, form: object = {}, dpop = false) =>
  ask(ours, JWT_BEARER, { assertion, ...form }, dpop)

for (const [check, form, scope] of [
  ['we take the grant of oidc-provider: user, scope and chain', {}, 'orders.read'],
  ["and one without type and scope, as the draft's example is", { form: 'untyped' }, 'orders.read orders.write'],
] as const) {
  await gives(check, async () => {
    const claims = decodeJwt((await bringUs(await theirGrant(form))).access_token)
    const seen = [claims.iss, claims.sub, claims.aud, claims['scope'], actorsOf(claims).join(' < ')]
    const expected = [scenario.ours, `provider/${USER}`, OUR_API, scope, `${CLIENT} < ${CLIENT}`]
    return [seen.join() === expected.join(), seen.slice(1).join(', ')]
  })
}
await gives('and bind our token to the key that it asks for', async () => {
  const { access_token: token } = await bringUs(await theirGrant({ jkt }), {}, true)
  const { cnf } = decodeJwt<{ cnf?: { jkt?: string } }>(token)
  return [cnf?.jkt === jkt, `jkt ${cnf?.jkt === jkt ? 'as asked' : 'another'}`]
})
await refuses('by us, a grant that comes again', '400 invalid_grant', async () => {
  const grant = await theirGrant()
  await bringUs(grant)
  return bringUs(grant)
})
await refuses('by us, a grant for another server', '400 invalid_grant', async () =>
  bringUs(await theirGrant({ resource: OTHER_SERVER })),
)
await refuses('by us, a grant that names one of our workloads', '400 invalid_grant', async () =>
  bringUs(await theirGrant({ subject: `spiffe://${DOMAIN}/admin` })),
)
await refuses('by us, a grant without a type that could be an access token', '400 invalid_grant', async () =>
  bringUs(await theirGrant({ form: 'unclear' })),
)
await refuses('by us, a changed grant', '400 invalid_grant', async () =>
  bringUs(`${(await theirGrant()).slice(0, -6)}AAAAAA`),
)
await refuses('by us, more scope than the grant has', '400 invalid_scope', async () =>
  bringUs(await theirGrant(), { scope: 'orders.write' }),
)
process.exitCode = failed ? 1 : 0
