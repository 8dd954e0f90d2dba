/** ID tokens of an OpenID provider, exchanged by a workload for its user. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, encodeToken } from '@countersign/testing'
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

const LOGIN = 'https://login.example'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const key = generateSigningKey('RS256', { kid: 'login-1' })
const login = {
  name: 'login',
  issuer: LOGIN,
  profiles: ['oidc-id-token'],
  jwks: { keys: [key.publicJwk] },
  subjectPrefix: 'login/',
  requiredClaims: { tid: ['t1'] },
}
const RULE = {
  name: 'portal',
  grant: 'token-exchange',
  subject: { profile: 'oidc-id-token', issuer: 'login', anySubject: true, audience: ['portal'] },
  client: { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] },
  to: { profile: 'access-token', audience: [ORDERS], scopes: ['orders.read'] },
}

async function start() {
  const cluster = { subjectPrefix: 'k8s/', reuse: true }
  const test = await startTokenService({ rules: [RULE], cluster, issuers: [login] })
  const now = test.clock.now()
  const idToken = (claims: object = {}) =>
    encodeToken(
      { alg: 'RS256', kid: 'login-1' },
      { iss: LOGIN, sub: 'alice', aud: 'portal', exp: now + 300, iat: now, nonce: 'n', tid: 't1', ...claims },
      key,
    )
  const exchange = (token: string, type = ID_TOKEN) =>
    test.post({
      ...assertionForm(test.serviceAccountToken()),
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: type,
    })
  return { ...test, idToken, exchange }
}

describe('ID tokens', () => {
  it('are exchanged by whom the rule names, for tokens that say who acts', async () => {
    const test = await start()
    const { body } = await test.exchange(test.idToken())
    expect(decodeToken(body.access_token).claims).toMatchObject({
      sub: 'login/alice',
      aud: ORDERS,
      act: { sub: `k8s/${WORKLOAD}` },
    })
  })

  it.each<[string, object, string]>([
    ['of another client', { aud: 'other' }, '400 invalid_request'],
    ['of another client that names this one too', { aud: ['portal', 'other'], azp: 'other' }, '400 invalid_request'],
    ['of several clients', { aud: ['portal', 'other'] }, '400 invalid_request'],
    ['of another tenant', { tid: 't2' }, '400 invalid_request'],
    ['that are access tokens', { scope: 'orders.read' }, '400 invalid_request'],
    ['that have expired', { exp: 1 }, '400 invalid_request'],
    ['of a provider that is not configured', { iss: 'https://evil.example' }, '400 invalid_request'],
  ])('are refused: those %s', async (_, claims, expected) => {
    const test = await start()
    expect(oauthError(await test.exchange(test.idToken(claims)))).toBe(expected)
  })

  it('are nothing but what they are', async () => {
    const test = await start()
    const token = test.idToken({ aud: ISSUER })
    for (const type of ['access_token', 'jwt']) {
      const reply = await test.exchange(token, `urn:ietf:params:oauth:token-type:${type}`)
      expect(oauthError(reply)).toBe('400 invalid_request')
    }
    const asClient = { grant_type: 'client_credentials', ...assertionForm(token) }
    expect(oauthError(await test.post(asClient))).toBe('401 invalid_client')
  })
})
