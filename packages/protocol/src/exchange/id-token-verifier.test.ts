import { encodeToken, expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { findOnly, issuerWith, NOW } from '../test-support/exchange-fixtures.ts'
import { IdTokenVerifier } from './id-token-verifier.ts'

const LOGIN = 'https://login.example'
const PORTAL = 'portal'
const key = generateSigningKey('RS256', { kid: 'login-1' })
const find = findOnly(issuerWith(key, { name: 'login', url: LOGIN }))
const verifier = new IdTokenVerifier(nodeCrypto)

const idToken = (claims: object = {}, header: object = {}) =>
  encodeToken(
    { alg: 'RS256', kid: 'login-1', typ: 'JWT', ...header },
    { iss: LOGIN, sub: 'alice', aud: PORTAL, exp: NOW + 300, iat: NOW, nonce: 'n-1', ...claims },
    key,
  )
const verify = (token: string, policy = {}) => verifier.verify(token, find, () => policy, NOW)

describe('IdTokenVerifier', () => {
  it('reads an ID token, of Keycloak too', async () => {
    expect(await verify(idToken({ typ: 'ID', at_hash: 'x', azp: PORTAL }))).toMatchObject({
      subject: 'alice',
      audience: [PORTAL],
      authorizedParty: PORTAL,
      confirmation: undefined,
    })
    expect((await verify(idToken({}, { typ: undefined }))).authorizedParty).toBeUndefined()
  })

  it('takes of several audiences the one that it was given to', async () => {
    const token = idToken({ aud: [PORTAL, 'https://as.example.org'], azp: PORTAL })
    expect((await verify(token)).audience).toEqual([PORTAL])
    // As Google's for a server, given to its app.
    expect(await verify(idToken({ azp: 'app' }))).toMatchObject({ audience: [PORTAL], authorizedParty: 'app' })
  })

  it.each<[string, object, object, string]>([
    ['is an access token', {}, { typ: 'at+jwt' }, 'ERR_CREDENTIAL_TYPE'],
    ['is an untyped access token', { scope: 'openid' }, {}, 'ERR_CREDENTIAL_TYPE'],
    ["is an access token of Entra ID's", { scp: 'openid' }, {}, 'ERR_CREDENTIAL_TYPE'],
    ["is an access token of Keycloak's", { typ: 'Bearer' }, {}, 'ERR_CREDENTIAL_TYPE'],
    ["is a refresh token of Keycloak's", { typ: 'Refresh' }, {}, 'ERR_CREDENTIAL_TYPE'],
    ['is a logout token', { events: {} }, {}, 'ERR_CREDENTIAL_TYPE'],
    ['is a service account token', { 'kubernetes.io': {} }, {}, 'ERR_CREDENTIAL_TYPE'],
    ['has no audience', { aud: undefined }, {}, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has two and no party', { aud: [PORTAL, 'b'] }, {}, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has two and another party', { aud: [PORTAL, 'b'], azp: 'c' }, {}, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has a party that is no text', { azp: 1 }, {}, 'ERR_CREDENTIAL_AUDIENCE'],
    ['has no subject', { sub: undefined }, {}, 'ERR_CREDENTIAL_SUBJECT'],
    ['has a long subject', { sub: 'x'.repeat(256) }, {}, 'ERR_CREDENTIAL_SUBJECT'],
    ['has no time of issue', { iat: undefined }, {}, 'ERR_CREDENTIAL_MALFORMED'],
    ['is of tomorrow', { iat: NOW + 3600, exp: NOW + 7200 }, {}, 'ERR_CREDENTIAL_ISSUED_IN_FUTURE'],
    ['has expired', { exp: NOW - 60 }, {}, 'ERR_CREDENTIAL_EXPIRED'],
    ['is of another issuer', { iss: 'https://evil.example' }, {}, 'ERR_CREDENTIAL_ISSUER'],
    ['is bound in an unknown way', { cnf: { kid: 'x' } }, {}, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['says that it is not signed', {}, { alg: 'none' }, 'ERR_CREDENTIAL_ALGORITHM'],
  ])('refuses a token that %s', async (_, claims, header, code) => {
    await expectCode(() => verify(idToken(claims, header)), code)
  })

  it('lets an operator limit the lifetime', async () => {
    await expectCode(() => verify(idToken(), { maxLifetimeSeconds: 60 }), 'ERR_CREDENTIAL_LIFETIME')
  })
})
