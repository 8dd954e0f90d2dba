import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken, expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { OidcIdTokenIn } from './oidc-id-token-in.ts'

const NOW = 1_800_000_000
const LOGIN = 'https://login.example'
const key = generateSigningKey('RS256', { kid: 'login-1' })
const settings = { subjectPrefix: 'login/', mappedClaims: { groups: 'groups' }, requiredClaims: { tid: ['t1'] } }
const createHost = () => new TestTokenProfileHost({ now: NOW, issuers: [{ name: 'login', url: LOGIN, key, settings }] })

const idToken = (claims: object = {}) =>
  encodeToken(
    { alg: 'RS256', kid: 'login-1' },
    { iss: LOGIN, sub: 'alice', aud: 'portal', exp: NOW + 300, iat: NOW, nonce: 'n', tid: 't1', ...claims },
    key,
  )

const present = (token = idToken()): PresentedToken => ({
  token,
  role: 'subject',
  declaredType: 'urn:ietf:params:oauth:token-type:id_token',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
})

const accessToken = new AccessTokenIssuer(key, LOGIN).issue({
  subject: 'alice',
  audience: ['portal'],
  clientId: 'portal',
  scopes: [],
  issuedAt: NOW,
  expiresAt: NOW + 300,
  id: 'id-1',
  claims: { tid: 't1' },
}) as string
const domain = new FakeIssuer()

describeTokenProfileIn('oidc-id-token', () => ({
  half: new OidcIdTokenIn(),
  host: createHost(),
  name: 'oidc-id-token',
  presented: present(),
  foreign: [
    accessToken,
    domain.jwtSvid('/a', ['portal'], NOW),
    domain.workload('/a').wit(NOW),
    idToken({ sub: 'system:serviceaccount:test:default', 'kubernetes.io': {} }),
  ],
}))

describe('oidc-id-token', () => {
  it('maps what the provider says, and no claim that is not named', async () => {
    const token = idToken({ groups: ['staff'], email: 'alice@example.org', azp: 'portal', act: { sub: 'x' } })
    expect(await new OidcIdTokenIn().verify(present(token), createHost())).toMatchObject({
      issuer: 'login',
      localSubject: 'login/alice',
      claims: { groups: ['staff'] },
      audience: ['portal'],
      clientId: 'portal',
      scopes: undefined,
      actor: undefined,
    })
  })

  it('refuses a user of another tenant', async () => {
    const verify = (token: string) => new OidcIdTokenIn().verify(present(token), createHost())
    await expectCode(() => verify(idToken({ tid: 't2' })), 'ERR_CREDENTIAL_CLAIM')
    await expectCode(() => verify(idToken({ tid: undefined })), 'ERR_CREDENTIAL_CLAIM')
  })

  it('is good for no client and no grant', () => {
    expect(new OidcIdTokenIn().roles).toEqual(['subject', 'actor'])
  })
})
