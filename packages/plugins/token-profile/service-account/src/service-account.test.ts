import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { encodeToken, expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { ServiceAccountIn } from './service-account-in.ts'

const NOW = 1_800_000_000
const CLUSTER = 'https://kubernetes.default.svc.cluster.local'
const WORKLOAD = 'system:serviceaccount:test:default'
const key = generateSigningKey('RS256', { kid: 'cluster-1' })

function createHost(settings = {}) {
  return new TestTokenProfileHost({ now: NOW, issuers: [{ name: 'cluster', url: CLUSTER, key, settings }] })
}

function tokenWith(claims: object = {}, header: object = {}): string {
  const content = {
    aud: ['https://as.example.org'],
    exp: NOW + 3600,
    iat: NOW,
    iss: CLUSTER,
    'kubernetes.io': {
      namespace: 'test',
      pod: { name: 'app-5d7d', uid: '9fc443d7' },
      serviceaccount: { name: 'default', uid: '0bea3006' },
    },
    nbf: NOW,
    sub: WORKLOAD,
    ...claims,
  }
  return encodeToken({ alg: 'RS256', kid: 'cluster-1', ...header }, content, key)
}

const present = (change: Partial<PresentedToken> = {}): PresentedToken => ({
  token: tokenWith(),
  role: 'subject',
  declaredType: 'urn:ietf:params:oauth:token-type:jwt',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
  ...change,
})

const domain = new FakeIssuer()
describeTokenProfileIn('service-account', () => ({
  half: new ServiceAccountIn(),
  host: createHost(),
  name: 'service-account',
  presented: present(),
  foreign: [
    domain.jwtSvid('/a', ['https://as.example.org'], NOW),
    domain.workload('/a').wit(NOW),
    tokenWith({}, { typ: 'at+jwt' }),
    tokenWith({ sub: 'system:node:a' }),
  ],
}))

describe('service-account', () => {
  const half = new ServiceAccountIn()
  const refuse = (change: Partial<PresentedToken>, code: string, host = createHost()) =>
    expectCode(() => half.verify(present(change), host), code)

  it('maps what a cluster says of a pod', async () => {
    const host = createHost({ subjectPrefix: 'a/', mappedClaims: { 'kubernetes.io/pod/uid': 'uid' } })
    expect(await half.verify(present(), host)).toMatchObject({
      issuer: 'cluster',
      issuerUrl: CLUSTER,
      subject: WORKLOAD,
      localSubject: `a/${WORKLOAD}`,
      claims: { namespace: 'test', service_account: 'default', pod: 'app-5d7d', uid: '9fc443d7' },
      audience: ['https://as.example.org'],
      expiresAt: NOW + 3600,
      scopes: undefined,
      confirmation: undefined,
    })
  })

  it('takes no client assertion from the future, which would pass for one that nobody can have used yet', async () => {
    const token = tokenWith({ iat: NOW + 300, nbf: undefined })
    await refuse({ token, role: 'client' }, 'ERR_CREDENTIAL_ISSUED_IN_FUTURE')
    expect((await half.verify(present({ token }), createHost())).subject).toBe(WORKLOAD)
  })

  it('holds a client assertion to the audience and to one use, a subject token to neither', async () => {
    const host = createHost()
    const elsewhere = tokenWith({ aud: ['https://other.example'] })
    await refuse({ token: elsewhere, role: 'client' }, 'ERR_CREDENTIAL_AUDIENCE', host)
    expect((await half.verify(present({ token: elsewhere }), host)).audience).toEqual(['https://other.example'])
    await half.verify(present({ role: 'client' }), host)
    await refuse({ role: 'client', token: tokenWith() }, 'ERR_CREDENTIAL_REPLAYED', host)
    expect((await half.verify(present(), host)).subject).toBe(WORKLOAD)
  })

  it.each([
    ['a name that is none', { sub: 'system:serviceaccount:test:a/b' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['no account', { sub: 'system:serviceaccount:test' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['more than an account', { sub: 'system:serviceaccount:test:default:x' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['no audience', { aud: undefined }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['another issuer', { iss: 'https://evil.example' }, 'ERR_CREDENTIAL_ISSUER'],
  ])('refuses a token with %s', async (_, claims, code) => {
    await refuse({ token: tokenWith(claims) }, code)
  })

  it('holds a token to the claims and the lifetime that its issuer must keep', async () => {
    const tenant = createHost({ requiredClaims: { 'kubernetes.io/namespace': ['prod'] } })
    await refuse({}, 'ERR_CREDENTIAL_CLAIM', tenant)
    await refuse({}, 'ERR_CREDENTIAL_LIFETIME', createHost({ maxLifetimeSeconds: 600 }))
  })
})
