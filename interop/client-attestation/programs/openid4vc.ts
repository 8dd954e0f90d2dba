/** The OAuth library of wallets, `@openid4vc/oauth2`, as attester and as client. `node openid4vc.ts SCENE_FILE` */
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as jose from 'jose'
import { Checks } from '../checks.ts'
import { ATTESTER, CLIENT, type Scene } from '../scene.ts'

const { issuer, attesterKey, library = '' } = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Scene
const entry = createRequire(join(library, 'package.json')).resolve('@openid4vc/oauth2')
const oauth2 = await import(pathToFileURL(entry).href)
const checks = new Checks('@openid4vc/oauth2 0.4.6')

const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
const instanceJwk = await jose.exportJWK(publicKey)
const { d: _, ...attesterJwk } = attesterKey

/** The library leaves signing to whoever uses it; what is signed is its own. */
const signWith = (key: Parameters<jose.SignJWT['sign']>[0]) => {
  return async (
    _signer: unknown,
    { header, payload }: { header: jose.JWTHeaderParameters; payload: jose.JWTPayload },
  ) => ({
    jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(key),
    signerJwk: instanceJwk,
  })
}
const shared = {
  hash: (data: Uint8Array, algorithm: string) => createHash(algorithm.replace('-', '')).update(data).digest(),
  generateRandom: (length: number) => randomBytes(length),
}

async function attest(clientId = CLIENT): Promise<string> {
  return oauth2.createClientAttestationJwt({
    issuer: ATTESTER,
    clientId,
    issuedAt: new Date(),
    expiresAt: new Date(Date.now() + 300_000),
    confirmation: { jwk: instanceJwk },
    signer: { method: 'jwk', alg: 'ES256', publicJwk: attesterJwk, kid: attesterKey.kid },
    callbacks: { ...shared, signJwt: signWith(await jose.importJWK(attesterKey as jose.JWK, 'ES256')) },
  })
}

async function ask(clientAttestationJwt: string, signer: Parameters<jose.SignJWT['sign']>[0] = privateKey) {
  const callbacks = { ...shared, signJwt: signWith(signer) }
  const clientAuthentication = oauth2.clientAuthenticationClientAttestationJwt({ clientAttestationJwt, callbacks })
  const client = new oauth2.Oauth2Client({ callbacks: { ...callbacks, clientAuthentication } })
  const authorizationServerMetadata = await client.fetchAuthorizationServerMetadata(issuer)
  const { accessTokenResponse } = await client.retrieveClientCredentialsAccessToken({
    authorizationServerMetadata,
    scope: 'orders.read',
  })
  return accessTokenResponse.access_token as string
}

await checks.gives('its attestation with its PoP, both with "iss" as in older drafts', async () => {
  const { sub, cnf } = jose.decodeJwt<{ cnf?: { jkt?: string } }>(await ask(await attest()))
  const isBound = cnf?.jkt === (await jose.calculateJwkThumbprint(instanceJwk))
  return [sub === CLIENT && isBound, `for ${sub}, bound ${isBound}`]
})
await checks.refuses('its PoP by another key', '400 invalid_client_attestation', async () => {
  const { privateKey: stranger } = await jose.generateKeyPair('ES256')
  return ask(await attest(), stranger)
})
await checks.refuses('its attestation of a client without a rule', '400 unauthorized_client', async () =>
  ask(await attest('https://other.example')),
)
