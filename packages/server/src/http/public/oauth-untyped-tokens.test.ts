/** Access tokens of an authorization server that does not type them, as Keycloak does not by default. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, encodeToken, expectCode } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  assertionForm,
  ISSUER,
  ORDERS,
  oauthError,
  startTokenService,
  WORKLOAD,
} from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const REALM = 'https://login.example/realms/shop'
const key = generateSigningKey('RS256', { kid: 'realm-1' })
const RULE = {
  name: 'portal',
  grant: 'token-exchange',
  subject: { profile: 'access-token', issuer: 'keycloak', anySubject: true },
  client: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
}

async function start(issuer: object) {
  const keycloak = {
    name: 'keycloak',
    issuer: REALM,
    profiles: ['access-token', 'oidc-id-token'],
    jwks: { keys: [key.publicJwk] },
    subjectPrefix: 'keycloak/',
    ...issuer,
  }
  const test = await startTokenService({
    rules: [RULE],
    cluster: { subjectPrefix: 'k8s/', reuse: true },
    issuers: [keycloak],
  })
  const now = test.clock.now()
  const exchange = (claims: object = {}, type = 'access_token') =>
    test.post({
      ...assertionForm(test.serviceAccountToken()),
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: encodeToken(
        { alg: 'RS256', typ: 'JWT', kid: 'realm-1' },
        {
          ...{ iss: REALM, aud: ISSUER, sub: 'f1e2', typ: 'Bearer', azp: 'portal', sid: 's', jti: 'onrtac:1' },
          ...{ exp: now + 300, iat: now, scope: 'orders.read profile', acr: '1', ...claims },
        },
        key,
      ),
      subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
    })
  return { ...test, exchange }
}

describe('access tokens that do not say so in their header', () => {
  it('are exchanged where their issuer is configured so, and ID tokens in their place are not', async () => {
    const { exchange } = await start({ untypedAccessTokens: true })
    const { body } = await exchange()
    expect(decodeToken(body.access_token).claims).toMatchObject({ sub: 'keycloak/f1e2', scope: 'orders.read' })
    for (const claims of [{ typ: 'ID' }, { nonce: 'n' }, { at_hash: 'h' }, { scope: undefined }, { typ: undefined }]) {
      expect(oauthError(await exchange(claims))).toBe('400 invalid_request')
    }
    // Nor is one taken for an ID token.
    expect(oauthError(await exchange({}, 'id_token'))).toBe('400 invalid_request')
  })

  it('are not a setting of an issuer whose access tokens are not taken at all', async () => {
    await expectCode(startTokenService({ cluster: { untypedAccessTokens: true } }), 'ERR_EXCHANGE_ISSUER')
  })

  it('are refused of every other issuer', async () => {
    const { exchange, log } = await start({})
    expect(oauthError(await exchange())).toBe('400 invalid_request')
    expect(log.events('token.refused').at(-1)).toMatchObject({ reason: 'ERR_CREDENTIAL_TYPE' })
  })
})
