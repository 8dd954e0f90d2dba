import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { decodeUnverifiedJws } from '../jws/compact-jws.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { TxnTokenVerifier } from '../verification/txn-token-verifier.ts'
import { EARLIER_WORKLOADS_CLAIM, parseRequestingWorkloads } from './requesting-workloads.ts'
import type { TxnTokenContent } from './txn-token-content.ts'
import { MAX_TXN_TOKEN_LIFETIME_SECONDS, TxnTokenIssuer } from './txn-token-issuer.ts'
import type { FormerTxnToken } from './txn-token-replacement.ts'

const NOW = 1_800_000_000
const DOMAIN = 'example.org'
const key = generateSigningKey('ES256', { kid: 'oauth-1' })
const issuer = new TxnTokenIssuer(key, { issuer: 'https://as.example.org', trustDomain: DOMAIN })
const keys = new TrustedKeys([key.publicJwk], nodeCrypto)
const verifier = new TxnTokenVerifier({ trustDomain: DOMAIN, keys: () => keys })

const CONTENT: TxnTokenContent = {
  transaction: {
    id: 'txn-1',
    context: { action: 'BUY', customer: { geo: 'US', level: 'VIP' } },
    requestContext: { req_ip: '192.0.2.1' },
    requestingWorkloads: ['spiffe://example.org/gateway'],
  },
  subject: 'login/alice',
  scopes: ['trade.read', 'trade.stocks'],
  actor: { subject: 'login/assistant' },
  issuedAt: NOW,
  expiresAt: NOW + 120,
}
const FORMER: FormerTxnToken = { ...CONTENT, audience: [DOMAIN], actor: CONTENT.actor }
const BROKER = 'spiffe://example.org/broker'
const chain = [...CONTENT.transaction.requestingWorkloads, BROKER]
/** What a replacement may be: the same, asked for by one more. */
const NEXT: TxnTokenContent = { ...CONTENT, transaction: { ...CONTENT.transaction, requestingWorkloads: chain } }
const nextWith = (change: Partial<TxnTokenContent['transaction']>): TxnTokenContent => ({
  ...NEXT,
  transaction: { ...NEXT.transaction, ...change },
})

const claimsOf = (token: string) => decodeUnverifiedJws(token).payload

describe('TxnTokenIssuer', () => {
  it('issues what a workload can verify, and no claim besides', () => {
    const token = issuer.issue(CONTENT) as string
    expect(decodeUnverifiedJws(token).header.parameters).toEqual({ alg: 'ES256', typ: 'txntoken+jwt', kid: 'oauth-1' })
    expect(claimsOf(token)).toEqual({
      iss: 'https://as.example.org',
      iat: NOW,
      aud: DOMAIN,
      exp: NOW + 120,
      txn: 'txn-1',
      sub: 'login/alice',
      scope: 'trade.read trade.stocks',
      req_wl: 'spiffe://example.org/gateway',
      tctx: CONTENT.transaction.context,
      rctx: CONTENT.transaction.requestContext,
      act: { sub: 'login/assistant' },
    })
    expect(verifier.verify(token, NOW)).toMatchObject({ transactionId: 'txn-1', subject: 'login/alice' })
  })

  it.each<[string, Partial<TxnTokenContent>, string]>([
    ['no subject', { subject: '' }, 'ERR_ISSUANCE_SUBJECT'],
    ['no scope', { scopes: [] }, 'ERR_OAUTH_INVALID_SCOPE'],
    ['no time', { expiresAt: NOW }, 'ERR_ISSUANCE_LIFETIME'],
    ['too much time', { expiresAt: NOW + MAX_TXN_TOKEN_LIFETIME_SECONDS + 1 }, 'ERR_ISSUANCE_LIFETIME'],
    ['an end that is no number', { expiresAt: Number.NaN }, 'ERR_ISSUANCE_LIFETIME'],
    ['no name', { transaction: { ...CONTENT.transaction, id: '' } }, 'ERR_ISSUANCE_CLAIM'],
    ['nobody who asks', { transaction: { ...CONTENT.transaction, requestingWorkloads: [] } }, 'ERR_ISSUANCE_CLAIM'],
    [
      'somebody without name',
      { transaction: { ...CONTENT.transaction, requestingWorkloads: [''] } },
      'ERR_ISSUANCE_CLAIM',
    ],
    ['two who ask first', NEXT, 'ERR_ISSUANCE_CLAIM'],
    [
      'too large a context',
      { transaction: { ...CONTENT.transaction, context: { a: 'x'.repeat(4096) } } },
      'ERR_OAUTH_INVALID_REQUEST',
    ],
    [
      'too large a request context',
      { transaction: { ...CONTENT.transaction, requestContext: { a: 'ü'.repeat(2048) } } },
      'ERR_OAUTH_INVALID_REQUEST',
    ],
  ])('issues nothing with %s', async (_, change, code) => {
    await expectCode(() => issuer.issue({ ...CONTENT, ...change }), code)
  })

  it('needs a key with a name, and a trust domain', async () => {
    const options = { issuer: 'https://as.example.org', trustDomain: DOMAIN }
    const nameless = generateSigningKey('ES256')
    const { kid: _, ...publicJwk } = nameless.publicJwk
    await expectCode(() => new TxnTokenIssuer({ ...nameless, publicJwk } as never, options), 'ERR_ISSUANCE_KEY_ID')
    await expectCode(() => new TxnTokenIssuer(key, { ...options, trustDomain: '' }), 'ERR_ISSUANCE_AUDIENCE')
  })
})

describe('TxnTokenIssuer.replace', () => {
  it('keeps the transaction and adds who asked', () => {
    const claims = claimsOf(issuer.replace(FORMER, NEXT) as string)
    expect(claims).toEqual({
      ...claimsOf(issuer.issue(CONTENT) as string),
      req_wl: BROKER,
      [EARLIER_WORKLOADS_CLAIM]: ['spiffe://example.org/gateway'],
    })
    expect(parseRequestingWorkloads(claims)).toEqual(chain)
  })

  it.each<[string, TxnTokenContent]>([
    ['less scope', { ...NEXT, scopes: ['trade.read'] }],
    ['less time', { ...NEXT, issuedAt: NOW + 30, expiresAt: NOW + 60 }],
    ['another member of tctx', nextWith({ context: { ...CONTENT.transaction.context, quantity: '100' } })],
    ['another member of rctx', nextWith({ requestContext: { ...CONTENT.transaction.requestContext, authn: 'face' } })],
    ['members in another order', nextWith({ context: { customer: { level: 'VIP', geo: 'US' }, action: 'BUY' } })],
  ])('lets through %s', (_, next) => {
    expect(claimsOf(issuer.replace(FORMER, next) as string)['txn']).toBe('txn-1')
  })

  it('adds contexts where there was none', () => {
    const former = { ...FORMER, transaction: { ...FORMER.transaction, context: undefined, requestContext: undefined } }
    expect(claimsOf(issuer.replace(former, NEXT) as string)['tctx']).toEqual(CONTENT.transaction.context)
  })

  const REQUEST = 'ERR_OAUTH_INVALID_REQUEST'
  it.each<[string, TxnTokenContent, string]>([
    ['another txn', nextWith({ id: 'txn-2' }), REQUEST],
    ['another sub', { ...NEXT, subject: 'login/eve' }, REQUEST],
    ['more scope', { ...NEXT, scopes: ['trade.read', 'admin'] }, 'ERR_OAUTH_INVALID_SCOPE'],
    ['more time', { ...NEXT, expiresAt: NOW + 121 }, REQUEST],
    ['an end that is no number', { ...NEXT, expiresAt: Number.NaN }, REQUEST],
    ['another value in tctx', nextWith({ context: { ...CONTENT.transaction.context, action: 'SELL' } }), REQUEST],
    [
      'a value added within a value of tctx',
      nextWith({ context: { action: 'BUY', customer: { geo: 'US', level: 'VIP', limit: 'none' } } }),
      REQUEST,
    ],
    ['a value of tctx left out', nextWith({ context: { action: 'BUY' } }), REQUEST],
    ['no tctx', nextWith({ context: undefined }), REQUEST],
    ['another value in rctx', nextWith({ requestContext: { req_ip: '192.0.2.9' } }), REQUEST],
    ['no rctx', nextWith({ requestContext: undefined }), REQUEST],
    ['another actor', { ...NEXT, actor: { subject: 'login/eve' } }, REQUEST],
    ['no actor', { ...NEXT, actor: undefined }, REQUEST],
    ['nobody added to the chain', nextWith({ requestingWorkloads: chain.slice(0, 1) }), REQUEST],
    ['somebody left out of the chain', nextWith({ requestingWorkloads: [BROKER, BROKER] }), REQUEST],
    ['two added to the chain', nextWith({ requestingWorkloads: [...chain, BROKER] }), REQUEST],
  ])('refuses %s', async (_, next, code) => {
    await expectCode(() => issuer.replace(FORMER, next), code)
  })

  it('refuses a token that has expired, also when less time is asked for', async () => {
    const next = { ...NEXT, issuedAt: NOW + 120, expiresAt: NOW + 120 }
    const error = await expectCode(() => issuer.replace(FORMER, next), REQUEST)
    expect(error.message).toBe('transaction token has expired')
  })

  it.each([[['other.example']], [[DOMAIN, 'other.example']], [undefined]])(
    'refuses a token of another trust domain: %j',
    async (audience) => {
      await expectCode(() => issuer.replace({ ...FORMER, audience }, NEXT), 'ERR_OAUTH_INVALID_TARGET')
    },
  )

  it('takes unknown scope for none', async () => {
    await expectCode(() => issuer.replace({ ...FORMER, scopes: undefined }, NEXT), 'ERR_OAUTH_INVALID_SCOPE')
  })

  it('ends a chain of replacements, also when all of it is asked for by one', async () => {
    const seven = Array<string>(7).fill(BROKER)
    const formerOf = (workloads: string[]) => ({
      ...FORMER,
      transaction: { ...FORMER.transaction, requestingWorkloads: workloads },
    })
    const eight = [...seven, BROKER]
    const token = issuer.replace(formerOf(seven), nextWith({ requestingWorkloads: eight })) as string
    expect(parseRequestingWorkloads(claimsOf(token))).toEqual(eight)
    await expectCode(
      () => issuer.replace(formerOf(eight), nextWith({ requestingWorkloads: [...eight, BROKER] })),
      REQUEST,
    )
  })
})

describe('parseRequestingWorkloads', () => {
  it.each([
    ['a text', 'a'],
    ['an empty name', ['']],
    ['a number', [1]],
    ['too many', Array(8).fill('a')],
    ['a name that is too long', ['x'.repeat(2049)]],
  ])('refuses %s', async (_, earlier) => {
    const claims = { req_wl: 'b', [EARLIER_WORKLOADS_CLAIM]: earlier }
    await expectCode(() => parseRequestingWorkloads(claims), 'ERR_CREDENTIAL_MALFORMED')
  })

  it('needs the one who asked last', async () => {
    await expectCode(() => parseRequestingWorkloads({}), 'ERR_CREDENTIAL_MALFORMED')
  })
})
