import type { PresentedToken } from '@countersign/plugin-kit'
import { describeTokenProfileIn, describeTokenProfileOut, TestTokenProfileHost } from '@countersign/plugin-kit/contract'
import { AccessTokenIssuer, type ExchangedSubject, type TokenOrder } from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, FakeIssuer, mutateToken } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TransactionTokenIn } from './transaction-token-in.ts'
import { TransactionTokenOut } from './transaction-token-out.ts'

const NOW = 1_800_000_000
const GATEWAY = 'spiffe://example.org/gateway'
const BROKER = 'spiffe://example.org/broker'
const TYPE = 'urn:ietf:params:oauth:token-type:txn_token'

const source: ExchangedSubject = {
  profile: 'access-token',
  issuer: 'login',
  issuerUrl: 'https://login.example',
  subject: 'alice',
  localSubject: 'login/alice',
  claims: { groups: ['staff'] },
  scopes: ['orders.read'],
  audience: ['https://as.example.org'],
  expiresAt: NOW + 900,
  issuedAt: NOW,
  tokenId: 'id-1',
  confirmation: undefined,
  confirmationKey: undefined,
  actor: undefined,
  mayAct: undefined,
  clientId: 'browser',
  transaction: undefined,
  digest: 'A'.repeat(43),
}

const ORDER: TokenOrder = {
  subject: 'login/alice',
  audience: ['example.org'],
  scopes: ['orders.read'],
  clientId: GATEWAY,
  actor: { subject: GATEWAY },
  claims: {},
  confirmation: undefined,
  confirmationKey: undefined,
  issuedAt: NOW,
  expiresAt: NOW + 300,
  source,
  transaction: undefined,
  transactionRequest: { details: { order: '42' }, context: { req_ip: '192.0.2.1' } },
}

const createHost = () => new TestTokenProfileHost({ now: NOW })
const out = new TransactionTokenOut()
const half = new TransactionTokenIn()
const present = (token: string, now = NOW): PresentedToken => ({
  token,
  role: 'subject',
  declaredType: TYPE,
  proven: { jkt: new Set(), x5t: new Set() },
  provenWit: undefined,
  provenX509: undefined,
  now,
})
const claimsOf = (token: string) => decodeToken(token).claims

/** The order that goes on with a token, by another workload. */
async function orderAfter(token: string, host: TestTokenProfileHost, change: Partial<TokenOrder> = {}) {
  const former = await half.verify(present(token), host)
  const order: TokenOrder = {
    ...ORDER,
    clientId: BROKER,
    actor: { subject: BROKER },
    expiresAt: former.expiresAt,
    source: former,
    transaction: former.transaction,
    transactionRequest: undefined,
    ...change,
  }
  return order
}

const domain = new FakeIssuer()
const accessToken = (host: TestTokenProfileHost, typ = 'at+jwt') => {
  const token = new AccessTokenIssuer(host.oauthKey, host.issuer).issue({
    ...ORDER,
    id: 'id-1',
    actor: undefined,
    claims: { txnish: 'x' },
  }) as string
  return typ === 'at+jwt' ? token : mutateToken(token, { header: { typ }, key: host.oauthKey })
}

describeTokenProfileIn('transaction-token', async () => {
  const host = createHost()
  const { token } = await out.issue(ORDER, host)
  return {
    half,
    host,
    name: 'transaction-token',
    presented: present(token),
    foreign: [
      accessToken(host),
      domain.jwtSvid('/a', ['https://as.example.org'], NOW),
      domain.workload('/a').wit(NOW),
      mutateToken(token, { header: { typ: 'JWT' }, key: host.oauthKey }),
    ],
  }
})

describeTokenProfileOut('transaction-token', () => ({
  half: out,
  host: createHost(),
  order: ORDER,
  read({ token }) {
    const { exp, aud } = claimsOf(token)
    return { expiresAt: exp as number, audience: [aud as string] }
  },
}))

describe('transaction-token', () => {
  it('begins a transaction with what client and rule say of it', async () => {
    const host = createHost()
    const issued = await out.issue({ ...ORDER, claims: { groups: ['staff'] } }, host)
    expect(issued).toMatchObject({ tokenType: 'N_A', issuedTokenType: TYPE, expiresAt: NOW + 300 })
    expect(issued.id).toBe(host.crypto.sha256Base64url(issued.token))
    expect(claimsOf(issued.token)).toEqual({
      iss: host.issuer,
      aud: 'example.org',
      iat: NOW,
      exp: NOW + 300,
      txn: issued.transactionId,
      sub: 'login/alice',
      scope: 'orders.read',
      req_wl: GATEWAY,
      tctx: { order: '42', groups: ['staff'] },
      rctx: { req_ip: '192.0.2.1' },
    })
  })

  it('lives for minutes, whatever a rule says', async () => {
    expect((await out.issue({ ...ORDER, expiresAt: NOW + 3600 }, createHost())).expiresAt).toBe(NOW + 600)
  })

  it('keeps who acted before the transaction, and an actor that is not the one who asks', async () => {
    const assistant = { subject: 'login/assistant' }
    const acted = { ...source, actor: assistant }
    const order = { ...ORDER, source: acted, actor: { subject: GATEWAY, previous: assistant } }
    expect(claimsOf((await out.issue(order, createHost())).token)['act']).toEqual({ sub: 'login/assistant' })
    const hidden = { ...order, actor: assistant }
    expect(claimsOf((await out.issue(hidden, createHost())).token)['act']).toEqual({ sub: 'login/assistant' })
    const other = { ...ORDER, actor: { subject: 'k8s/helper' } }
    expect(claimsOf((await out.issue(other, createHost())).token)['act']).toEqual({ sub: 'k8s/helper' })
  })

  it.each<[string, Partial<TokenOrder>, string]>([
    ['another trust domain', { audience: ['other.example'] }, 'ERR_OAUTH_INVALID_TARGET'],
    ['two trust domains', { audience: ['example.org', 'other.example'] }, 'ERR_OAUTH_INVALID_TARGET'],
    [
      'a key that it would be bound to',
      { confirmation: { kind: 'jkt', thumbprint: 'A'.repeat(43) } },
      'ERR_OAUTH_INVALID_REQUEST',
    ],
    ['no scope', { scopes: [] }, 'ERR_OAUTH_INVALID_SCOPE'],
    [
      "a detail that is the issuer's to state",
      { claims: { groups: ['staff'] }, transactionRequest: { details: { groups: ['admin'] }, context: undefined } },
      'ERR_OAUTH_INVALID_REQUEST',
    ],
  ])('refuses an order with %s', async (_, change, code) => {
    await expectCode(out.issue({ ...ORDER, ...change }, createHost()), code)
  })

  it('goes on with a transaction: adds to it, and changes nothing', async () => {
    const host = createHost()
    const first = await out.issue(ORDER, host)
    const added = { details: { quote: '7' }, context: { hop: 'broker' } }
    const next = await out.issue(await orderAfter(first.token, host, { transactionRequest: added }), host)
    expect(next.transactionId).toBe(first.transactionId)
    expect(claimsOf(next.token)).toEqual({
      ...claimsOf(first.token),
      req_wl: BROKER,
      'urn:countersign:earlier_req_wl': [GATEWAY],
      tctx: { order: '42', quote: '7' },
      rctx: { req_ip: '192.0.2.1', hop: 'broker' },
    })
  })

  it.each<[string, Partial<TokenOrder>]>([
    ['another subject', { subject: 'login/eve' }],
    ['another value of tctx', { transactionRequest: { details: { order: '43' }, context: undefined } }],
    ['another value of rctx', { transactionRequest: { details: undefined, context: { req_ip: '192.0.2.9' } } }],
    ['an actor', { actor: { subject: 'login/eve' } }],
    ['more time', { expiresAt: NOW + 301 }],
  ])('refuses to go on with %s', async (_, change) => {
    const host = createHost()
    const { token } = await out.issue(ORDER, host)
    await expectCode(out.issue(await orderAfter(token, host, change), host), 'ERR_OAUTH_INVALID_REQUEST')
  })

  it('refuses to go on with more scope', async () => {
    const host = createHost()
    const { token } = await out.issue(ORDER, host)
    const order = await orderAfter(token, host, { scopes: ['orders.read', 'orders.write'] })
    await expectCode(out.issue(order, host), 'ERR_OAUTH_INVALID_SCOPE')
  })

  it('tells rules its details that are texts, and never a chain that a detail claims', async () => {
    const host = createHost()
    const details = {
      action: 'BUY',
      amount: 7,
      nested: { a: 'b' },
      tags: ['x', 'y'],
      mixed: ['x', 1],
      req_wl: 'spiffe://x',
    }
    const request = { details, context: { req_ip: '192.0.2.1' } }
    const { token } = await out.issue({ ...ORDER, transactionRequest: request }, host)
    const { claims } = await half.verify(present(token), host)
    expect(claims).toEqual({ action: 'BUY', tags: ['x', 'y'], req_wl: [GATEWAY] })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['of another trust domain', { aud: 'other.example' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['of another service', { iss: 'https://tts.example' }, 'ERR_CREDENTIAL_ISSUER'],
    ['of no service', { iss: undefined }, 'ERR_CREDENTIAL_ISSUER'],
    ['that has just expired', { exp: NOW }, 'ERR_CREDENTIAL_EXPIRED'],
    ['without a readable chain', { 'urn:countersign:earlier_req_wl': 'x' }, 'ERR_CREDENTIAL_MALFORMED'],
    ['with an actor that cannot be read', { act: 'x' }, 'ERR_CREDENTIAL_ACTOR'],
  ])('takes no token %s', async (_, claims, code) => {
    const host = createHost()
    const { token } = await out.issue(ORDER, host)
    const changed = mutateToken(token, { claims, key: host.oauthKey })
    await expectCode(half.verify(present(changed), host), code)
  })

  it('takes no token that another key signed, or that names no key', async () => {
    const host = createHost()
    const { token } = await out.issue(ORDER, host)
    const foreign = mutateToken(token, { claims: {}, key: generateSigningKey('ES256', { kid: 'oauth-1' }) })
    await expectCode(half.verify(present(foreign), host), 'ERR_CREDENTIAL_SIGNATURE')
    const nameless = mutateToken(token, { header: { kid: undefined }, key: host.oauthKey })
    await expectCode(half.verify(present(nameless), host), 'ERR_CREDENTIAL_HEADER')
  })
})
