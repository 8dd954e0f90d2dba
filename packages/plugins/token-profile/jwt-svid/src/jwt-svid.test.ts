import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import type { ExchangedSubject, TokenOrder } from '@countersign/protocol/exchange'
import { decodeToken, expectCode, FakeIssuer, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { JwtSvidIn } from './jwt-svid-in.ts'
import { JwtSvidOut } from './jwt-svid-out.ts'

const NOW = 1_800_000_000
const SERVER = 'https://as.example.org'
const OWN_TYPE = 'urn:countersign:token-type:jwt-svid'

/** A service that trusts the domain whose tokens are shown. */
function createWorld() {
  const host = new TestTokenProfileHost({ now: NOW })
  const domain = new FakeIssuer({ jwtKey: host.jwtKey, witKey: host.witKey })
  return { host, domain }
}

const present = (token: string, change: Partial<PresentedToken> = {}): PresentedToken => ({
  token,
  role: 'subject',
  declaredType: OWN_TYPE,
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
  ...change,
})

describeTokenProfileIn('jwt-svid', () => {
  const { host, domain } = createWorld()
  const token = domain.jwtSvid('/a', [SERVER], NOW)
  return {
    half: new JwtSvidIn(),
    host,
    name: 'jwt-svid',
    presented: present(token),
    foreign: [
      domain.workload('/a').wit(NOW),
      mutateToken(token, { header: { typ: 'at+jwt' }, key: host.jwtKey }),
      mutateToken(token, { claims: { sub: 'system:serviceaccount:test:default' }, key: host.jwtKey }),
    ],
  }
})

const ORDER: TokenOrder = {
  subject: 'spiffe://example.org/a',
  audience: ['https://orders.example'],
  scopes: [],
  clientId: 'spiffe://example.org/a',
  actor: undefined,
  claims: {},
  confirmation: undefined,
  confirmationKey: undefined,
  issuedAt: NOW,
  expiresAt: NOW + 300,
  source: {} as ExchangedSubject,
  transaction: undefined,
}

describeTokenProfileOut('jwt-svid', () => ({
  half: new JwtSvidOut(),
  host: createWorld().host,
  order: ORDER,
  read({ token }) {
    const { exp, aud } = decodeToken(token).claims
    return { expiresAt: exp as number, audience: aud as string[] }
  },
}))

describe('jwt-svid', () => {
  it('says whose trust domain vouches', async () => {
    const { host, domain } = createWorld()
    expect(await new JwtSvidIn().verify(present(domain.jwtSvid('/a', ['x'], NOW)), host)).toMatchObject({
      issuer: 'example.org',
      issuerUrl: 'spiffe://example.org',
      subject: 'spiffe://example.org/a',
      audience: ['x'],
      confirmation: undefined,
    })
  })

  it('holds a client to this server as the only audience, and to its own assertion type', async () => {
    const { host, domain } = createWorld()
    const half = new JwtSvidIn()
    const asClient = (audience: string[], declaredType = OWN_TYPE) =>
      half.verify(present(domain.jwtSvid('/a', audience, NOW), { role: 'client', declaredType }), host)
    expect((await asClient([SERVER])).subject).toBe('spiffe://example.org/a')
    await expectCode(asClient([SERVER, 'other']), 'ERR_CREDENTIAL_AUDIENCE')
    await expectCode(asClient([host.tokenEndpoint]), 'ERR_CREDENTIAL_AUDIENCE')
    await expectCode(asClient([SERVER], 'urn:ietf:params:oauth:token-type:jwt'), 'ERR_CREDENTIAL_TYPE')
  })

  it('believes no domain about the workloads of another', async () => {
    const { host, domain } = createWorld()
    const half = new JwtSvidIn()
    const stranger = new FakeIssuer({ origin: 'spiffe://other.example' })
    const token = stranger.jwtSvid('/a', [SERVER], NOW)
    await expectCode(half.verify(present(token), host), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
    host.trust.set('spiffe://other.example', stranger.material())
    expect((await half.verify(present(token), host)).issuer).toBe('other.example')
    const forged = mutateToken(domain.jwtSvid('/a', [SERVER], NOW), { key: stranger.jwtKey })
    await expectCode(half.verify(present(forged), host), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it.each<[string, Partial<TokenOrder>, string]>([
    ['a workload of another domain', { subject: 'spiffe://other.example/a' }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['a workload of WIMSE', { subject: 'wimse://example.org/a' }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['somebody who is no workload', { subject: 'alice' }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['somebody for whom another acts', { actor: { subject: 'b' } }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['a scope', { scopes: ['a'] }, 'ERR_OAUTH_INVALID_SCOPE'],
    ['a key', { confirmation: { kind: 'jkt', thumbprint: 'x' } }, 'ERR_OAUTH_INVALID_REQUEST'],
  ])('gives none for %s', async (_, change, code) => {
    await expectCode(new JwtSvidOut().issue({ ...ORDER, ...change }, createWorld().host), code)
  })
})
