import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import {
  AccessTokenIssuer,
  type ChainingGrantContent,
  ChainingGrantIssuer,
  type ExchangedSubject,
  type TokenOrder,
} from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, FakeIssuer } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AuthorizationGrantIn } from './authorization-grant-in.ts'
import { AuthorizationGrantOut } from './authorization-grant-out.ts'

const NOW = 1_800_000_000
const A = 'https://as.a.example'
const THUMBPRINT = 'A'.repeat(43)
const keyOfA = generateSigningKey('ES256', { kid: 'a-1' })
const settings = { subjectPrefix: 'a/', mappedClaims: { groups: 'groups' }, requiredClaims: { tenant: ['t1'] } }
const createHost = () => new TestTokenProfileHost({ now: NOW, issuers: [{ name: 'a', url: A, key: keyOfA, settings }] })

function grant(change: Partial<ChainingGrantContent> = {}): string {
  return new ChainingGrantIssuer(keyOfA, A).issue({
    subject: 'alice',
    audience: 'https://as.example.org',
    scopes: ['orders.read'],
    issuedAt: NOW,
    expiresAt: NOW + 60,
    id: 'id-1',
    claims: { tenant: 't1', groups: ['staff'], email: 'alice@a.example' },
    ...change,
  }) as string
}

const present = (change: Partial<PresentedToken> = {}): PresentedToken => ({
  token: grant(),
  role: 'grant',
  declaredType: 'urn:ietf:params:oauth:token-type:jwt',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
  ...change,
})

const accessToken = new AccessTokenIssuer(keyOfA, A).issue({
  subject: 'alice',
  audience: ['https://as.example.org'],
  clientId: 'gateway',
  scopes: [],
  issuedAt: NOW,
  expiresAt: NOW + 60,
  id: 'id-1',
  claims: { tenant: 't1' },
}) as string

// A grant is used up by being verified: "without state" is about all the rest.
describeTokenProfileIn('authorization-grant', () => ({
  half: new AuthorizationGrantIn(),
  host: createHost(),
  name: 'authorization-grant',
  presented: present(),
  foreign: [accessToken, new FakeIssuer().workload('/a').wit(NOW)],
}))

const source: ExchangedSubject = {
  profile: 'access-token',
  issuer: 'login',
  issuerUrl: 'https://login.example',
  subject: 'alice',
  localSubject: 'login/alice',
  claims: {},
  scopes: undefined,
  audience: undefined,
  expiresAt: NOW + 600,
  issuedAt: NOW,
  tokenId: undefined,
  confirmation: undefined,
  confirmationKey: undefined,
  actor: undefined,
  mayAct: undefined,
  clientId: undefined,
  transaction: undefined,
  digest: THUMBPRINT,
}

const ORDER: TokenOrder = {
  subject: 'login/alice',
  audience: ['https://as.b.example'],
  scopes: ['orders.read'],
  clientId: 'gateway',
  actor: { subject: 'gateway' },
  claims: { groups: ['staff'] },
  confirmation: { kind: 'jkt', thumbprint: THUMBPRINT },
  confirmationKey: undefined,
  issuedAt: NOW,
  expiresAt: NOW + 60,
  source,
  transaction: undefined,
}

describeTokenProfileOut('authorization-grant', () => ({
  half: new AuthorizationGrantOut(),
  host: createHost(),
  order: ORDER,
  read({ token }) {
    const { exp, aud } = decodeToken(token).claims
    return { expiresAt: exp as number, audience: [aud].flat() as string[] }
  },
}))

describe('authorization-grant', () => {
  it('maps what the other domain says, and no claim that is not named', async () => {
    const requestedConfirmation = { kind: 'jkt', thumbprint: THUMBPRINT } as const
    const actor = { subject: 'spiffe://a.example/gateway' }
    const token = grant({ requestedConfirmation, actor })
    expect(await new AuthorizationGrantIn().verify(present({ token }), createHost())).toMatchObject({
      issuer: 'a',
      subject: 'alice',
      localSubject: 'a/alice',
      claims: { groups: ['staff'] },
      scopes: ['orders.read'],
      confirmation: requestedConfirmation,
      actor: { subject: 'spiffe://a.example/gateway', issuer: A },
      tokenId: 'id-1',
    })
  })

  it.each<[string, Partial<ChainingGrantContent>, string]>([
    ['a workload of this domain', { subject: 'spiffe://example.org/admin' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['one in other letters', { subject: 'SPIFFE://example.org/admin' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['one by the other scheme', { subject: 'wimse://example.org/admin' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['an actor of this domain', { actor: { subject: 'spiffe://example.org/a' } }, 'ERR_CREDENTIAL_ACTOR'],
    [
      'an earlier actor of this domain',
      { actor: { subject: 'g', previous: { subject: 'spiffe://example.org/a' } } },
      'ERR_CREDENTIAL_ACTOR',
    ],
    ['a subject of another tenant', { claims: { tenant: 't2' } }, 'ERR_CREDENTIAL_CLAIM'],
  ])('does not let another domain name %s, and spends no grant on it', async (_, change, code) => {
    const [half, host] = [new AuthorizationGrantIn(), createHost()]
    const token = grant(change)
    await expectCode(() => half.verify(present({ token }), host), code)
    await expectCode(() => half.verify(present({ token }), host), code)
  })

  it('takes a grant once', async () => {
    const [half, host] = [new AuthorizationGrantIn(), createHost()]
    await half.verify(present(), host)
    await expectCode(() => half.verify(present(), host), 'ERR_CREDENTIAL_REPLAYED')
  })

  it('is not good as a subject token, which could be exchanged on and on', () => {
    expect(new AuthorizationGrantIn().roles).toEqual(['grant'])
  })

  it('gives out a grant that asks for the key the client proved', async () => {
    const { token, tokenType, issuedTokenType } = await new AuthorizationGrantOut().issue(ORDER, createHost())
    expect({ tokenType, issuedTokenType }).toEqual({
      tokenType: 'N_A',
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
    })
    expect(decodeToken(token).claims).toMatchObject({
      sub: 'login/alice',
      aud: 'https://as.b.example',
      requested_cnf: { jkt: THUMBPRINT },
      act: { sub: 'gateway' },
      groups: ['staff'],
    })
    expect(decodeToken(token).claims).not.toHaveProperty('client_id')
  })

  it.each([
    ['two servers', ['https://as.b.example', 'https://as.c.example']],
    ['itself', ['https://as.example.org']],
    ['its own endpoint', ['https://as.example.org/oauth2/token']],
  ])('gives no grant for %s', async (_, audience) => {
    const issued = new AuthorizationGrantOut().issue({ ...ORDER, audience }, createHost())
    await expectCode(() => issued, 'ERR_OAUTH_INVALID_TARGET')
  })

  it('gives no grant that lives long, whatever the rule says', async () => {
    const issued = await new AuthorizationGrantOut().issue({ ...ORDER, expiresAt: NOW + 3600 }, createHost())
    expect(issued.expiresAt).toBe(NOW + 300)
  })
})
