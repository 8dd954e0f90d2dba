/** Attester and client with jose and oauth4webapi. `node oauth4webapi.ts SCENE_FILE` */

import type { webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import { Checks } from '../checks.ts'
import { CLIENT, type Scene } from '../scene.ts'

const { issuer, attesterKey } = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Scene
const checks = new Checks('oauth4webapi 3.8.8 with jose')
const client: oauth.Client = { client_id: CLIENT }
const url = new URL(issuer)
const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2' }))
const keys = await generateKeys()
const jkt = await thumbprintOf(keys)

interface Attesting {
  readonly signer?: Parameters<jose.SignJWT['sign']>[0]
  readonly key?: webcrypto.CryptoKeyPair
  readonly expires?: string
}

async function attest({ signer, key = keys, expires = '5m' }: Attesting = {}): Promise<string> {
  return new jose.SignJWT({ cnf: { jwk: await jose.exportJWK(key.publicKey) } })
    .setProtectedHeader({ typ: 'oauth-client-attestation+jwt', alg: 'ES256', kid: attesterKey.kid })
    .setSubject(CLIENT)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(signer ?? (await jose.importJWK(attesterKey as jose.JWK, 'ES256')))
}

async function prove(challenge?: string, key = keys, audience = issuer): Promise<string> {
  return new jose.SignJWT(challenge === undefined ? {} : { challenge })
    .setProtectedHeader({ typ: 'oauth-client-attestation-pop+jwt', alg: 'ES256' })
    .setAudience(audience)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .sign(key.privateKey)
}

/** What the library calls a way to authenticate. */
function fields(attestation: string, proof?: string): oauth.ClientAuth {
  return (_server, _client, body, headers) => {
    body.set('client_id', CLIENT)
    headers.set('OAuth-Client-Attestation', attestation)
    if (proof !== undefined) headers.set('OAuth-Client-Attestation-PoP', proof)
  }
}

async function ask(by: oauth.ClientAuth, dpop?: oauth.DPoPHandle): Promise<oauth.TokenEndpointResponse> {
  const options = dpop === undefined ? {} : { DPoP: dpop }
  const request = () => oauth.clientCredentialsGrantRequest(server, client, by, { scope: 'orders.read' }, options)
  const read = async () => oauth.processClientCredentialsResponse(server, client, await request())
  return read().catch((error) => {
    if (dpop !== undefined && oauth.isDPoPNonceError(error)) return read()
    throw error
  })
}

async function fetchChallenge(): Promise<string> {
  const response = await fetch(String(server['challenge_endpoint']), { method: 'POST' })
  return ((await response.json()) as { attestation_challenge: string }).attestation_challenge
}

function isBound({ access_token }: oauth.TokenEndpointResponse): readonly [boolean, string] {
  const { sub, client_id: clientId, cnf } = jose.decodeJwt<{ client_id: string; cnf?: { jkt?: string } }>(access_token)
  return [sub === CLIENT && clientId === CLIENT && cnf?.jkt === jkt, `for ${sub}, bound ${cnf?.jkt === jkt}`]
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await jose.generateKeyPair('ES256', { extractable: true })) as webcrypto.CryptoKeyPair
}

async function thumbprintOf({ publicKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return jose.calculateJwkThumbprint(await jose.exportJWK(publicKey))
}

await checks.gives('metadata say how a client is attested', async () => {
  const methods = server.token_endpoint_auth_methods_supported ?? []
  const wanted = ['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop']
  return [wanted.every((method) => methods.includes(method)), methods.join(' ')]
})
await checks.gives('attestation with a PoP and a challenge of the endpoint', async () =>
  isBound(await ask(fields(await attest(), await prove(await fetchChallenge())))),
)
await checks.gives('attestation with DPoP by the same key, nonce and all', async () =>
  isBound(await ask(fields(await attest()), oauth.DPoP(client, keys))),
)
await checks.gives('attestation with a PoP, and DPoP by another key for the token', async () => {
  const other = await generateKeys()
  const by = fields(await attest(), await prove(await fetchChallenge()))
  // The nonce first: a proof of the attestation is good once.
  const dpop = oauth.DPoP(client, other)
  await ask(fields(await attest({ key: other })), dpop)
  const { cnf } = jose.decodeJwt<{ cnf?: { jkt?: string } }>((await ask(by, dpop)).access_token)
  const expected = await thumbprintOf(other)
  return [cnf?.jkt === expected, `bound to the key of DPoP: ${cnf?.jkt === expected}`]
})
const refused = '400 invalid_client_attestation'
const stranger = await generateKeys()
await checks.refuses('PoP without a challenge', '400 use_attestation_challenge', async () =>
  ask(fields(await attest(), await prove())),
)
await checks.refuses('attestation without a proof', refused, async () => ask(fields(await attest())))
await checks.refuses('attestation by another attester', refused, async () =>
  ask(fields(await attest({ signer: stranger.privateKey }), await prove(await fetchChallenge()))),
)
await checks.refuses('PoP by another key', refused, async () =>
  ask(fields(await attest(), await prove(await fetchChallenge(), stranger))),
)
await checks.refuses('PoP for another server', refused, async () =>
  ask(fields(await attest(), await prove(await fetchChallenge(), keys, 'https://else.example'))),
)
await checks.refuses('PoP that comes again', refused, async () => {
  const by = fields(await attest(), await prove(await fetchChallenge()))
  await ask(by)
  return ask(by)
})
await checks.refuses('DPoP by another key in place of a PoP', refused, async () =>
  ask(fields(await attest()), oauth.DPoP(client, stranger)),
)
await checks.refuses('attestation that has expired', '400 use_fresh_attestation', async () =>
  ask(fields(await attest({ expires: '-1m' }), await prove(await fetchChallenge()))),
)
