import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { AccessTokenIssuer, type ExchangedSubject, type TokenOrder } from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, FakeIssuer, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AccessTokenIn } from './access-token-in.ts'
import { AccessTokenOut } from './access-token-out.ts'

const NOW = 1_800_000_000
const FOREIGN = 'https://login.example'
const THUMBPRINT = 'A'.repeat(43)
const foreignKey = generateSigningKey('RS256', { kid: 'foreign-1' })
const settings = { subjectPrefix: 'login/', mappedClaims: { groups: 'groups' } }
const issuers = [{ name: 'login', url: FOREIGN, key: foreignKey, settings }]
const createHost = () => new TestTokenProfileHost({ now: NOW, issuers })

function foreignToken(change: object = {}): string {
  return new AccessTokenIssuer(foreignKey, FOREIGN).issue({
    subject: 'alice',
    audience: ['https://as.example.org'],
    clientId: 'gateway',
    scopes: ['orders.read'],
    issuedAt: NOW,
    expiresAt: NOW + 600,
    id: 'id-1',
    claims: { groups: ['staff'], email: 'alice@example.org' },
    ...change,
  }) as string
}

const present = (change: Partial<PresentedToken> = {}): PresentedToken => ({
  token: foreignToken(),
  role: 'subject',
  declaredType: 'urn:ietf:params:oauth:token-type:access_token',
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now: NOW,
  ...change,
})

const domain = new FakeIssuer()
describeTokenProfileIn('access-token', () => ({
  half: new AccessTokenIn(),
  host: createHost(),
  name: 'access-token',
  presented: present(),
  foreign: [
    domain.jwtSvid('/a', ['https://as.example.org'], NOW),
    domain.workload('/a').wit(NOW),
    mutateToken(foreignToken(), { header: { typ: 'JWT' }, key: foreignKey }),
    mutateToken(foreignToken(), { header: { typ: 'txntoken+jwt' }, key: foreignKey }),
  ],
}))

const source: ExchangedSubject = {
  profile: 'access-token',
  issuer: 'login',
  issuerUrl: FOREIGN,
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
  audience: ['https://orders.example'],
  scopes: ['orders.read'],
  clientId: 'gateway',
  actor: { subject: 'gateway' },
  claims: { groups: ['staff'] },
  confirmation: undefined,
  confirmationKey: undefined,
  issuedAt: NOW,
  expiresAt: NOW + 300,
  source,
  transaction: undefined,
}

describeTokenProfileOut('access-token', () => ({
  half: new AccessTokenOut(),
  host: createHost(),
  order: ORDER,
  read({ token }) {
    const { exp, aud } = decodeToken(token).claims
    return { expiresAt: exp as number, audience: [aud].flat() as string[] }
  },
}))

describe('access-token', () => {
  it('maps what another server says, and no claim that is not named', async () => {
    expect(await new AccessTokenIn().verify(present(), createHost())).toMatchObject({
      issuer: 'login',
      subject: 'alice',
      localSubject: 'login/alice',
      claims: { groups: ['staff'] },
      scopes: ['orders.read'],
      audience: ['https://as.example.org'],
      clientId: 'gateway',
      tokenId: 'id-1',
    })
  })

  it('takes its own tokens back, with all that they say', async () => {
    const host = createHost()
    const confirmation = { kind: 'jkt', thumbprint: THUMBPRINT } as const
    const issued = await new AccessTokenOut().issue({ ...ORDER, confirmation }, host)
    expect(issued).toMatchObject({ tokenType: 'DPoP', expiresAt: NOW + 300 })
    expect(await new AccessTokenIn().verify(present({ token: issued.token }), host)).toMatchObject({
      issuer: 'self',
      localSubject: 'login/alice',
      confirmation,
      actor: { subject: 'gateway' },
      scopes: ['orders.read'],
    })
  })

  it('takes back none of its own that was revoked', async () => {
    const host = createHost()
    const { token, id } = await new AccessTokenOut().issue(ORDER, host)
    host.revoked.add(id)
    await expectCode(new AccessTokenIn().verify(present({ token }), host), 'ERR_CREDENTIAL_REVOKED')
    // Another server's ids are its own.
    host.revoked.add('id-1')
    expect((await new AccessTokenIn().verify(present(), host)).tokenId).toBe('id-1')
  })

  it('calls a token Bearer that is bound to a certificate, or to nothing', async () => {
    const out = new AccessTokenOut()
    expect((await out.issue(ORDER, createHost())).tokenType).toBe('Bearer')
    const confirmation = { kind: 'x5t#S256', thumbprint: THUMBPRINT } as const
    expect((await out.issue({ ...ORDER, confirmation }, createHost())).tokenType).toBe('Bearer')
  })

  it('refuses a token of a server that is not configured, or signed by another', async () => {
    const half = new AccessTokenIn()
    const token = mutateToken(foreignToken(), { claims: { iss: 'https://evil.example' }, key: foreignKey })
    await expectCode(() => half.verify(present({ token }), createHost()), 'ERR_CREDENTIAL_ISSUER')
    const asOwn = mutateToken(foreignToken(), { claims: { iss: 'https://as.example.org' }, key: foreignKey })
    await expectCode(() => half.verify(present({ token: asOwn }), createHost()), 'ERR_CREDENTIAL_KEY_UNKNOWN')
  })
})
