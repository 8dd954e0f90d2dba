import { TrustedKeys, TxnTokenVerifier } from '@countersign/protocol'
import { AccessTokenVerifier } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, expectCode, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { assertionForm, ISSUER, oauthError } from '../../test-support/token-service-world.ts'
import {
  BROKER,
  GATEWAY,
  startTransactionService,
  TRANSACTION_RULES,
  type TransactionWorld,
  TYPE,
} from '../../test-support/transaction-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const claimsOf = (token: string) => decodeToken(token).claims
const json = (value: object) => JSON.stringify(value)

/** The transaction token that the gateway gets for alice. */
async function firstToken(test: TransactionWorld, form: Readonly<Record<string, string>> = {}): Promise<string> {
  const reply = await test.begin(test.alice(), { request_details: json({ action: 'BUY' }), ...form })
  expect(reply.status).toBe(200)
  return reply.body.access_token
}

describe('transaction tokens', () => {
  it("turn a user's access token into a transaction", async () => {
    const test = await startTransactionService()
    const token = test.alice()
    const reply = await test.begin(token, {
      request_details: json({ action: 'BUY', ticker: 'MSFT' }),
      request_context: json({ req_ip: '192.0.2.1' }),
    })
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: TYPE.txn,
      token_type: 'N_A',
      expires_in: 300,
      scope: 'trade.read',
    })
    const now = test.clock.now()
    expect(claimsOf(reply.body.access_token)).toEqual({
      iss: ISSUER,
      aud: 'example.org',
      iat: now,
      exp: now + 300,
      txn: expect.stringMatching(/^[\w-]{22}$/),
      sub: 'login/alice',
      scope: 'trade.read',
      req_wl: GATEWAY,
      tctx: { action: 'BUY', ticker: 'MSFT', groups: ['staff'] },
      rctx: { req_ip: '192.0.2.1' },
    })
    expect(reply.body.access_token).not.toContain(token.split('.')[1])
  })

  it('can be verified by the published keys', async () => {
    const test = await startTransactionService()
    const token = await firstToken(test)
    const { origin } = new URL(test.server.publicUrl)
    const { body } = await callHttps(`${origin}/oauth2/jwks`)
    const keys = new TrustedKeys(body.keys, nodeCrypto)
    const now = test.clock.now()
    const verifier = new TxnTokenVerifier({ trustDomain: 'example.org', keys: () => keys })
    expect(await verifier.verify(token, now)).toMatchObject({ requestingWorkload: GATEWAY, subject: 'login/alice' })
    const elsewhere = new TxnTokenVerifier({ trustDomain: 'other.example', keys: () => keys })
    await expectCode(() => elsewhere.verify(token, now), 'ERR_CREDENTIAL_AUDIENCE')
    const resource = new AccessTokenVerifier({ crypto: nodeCrypto })
    const self = { name: 'self', url: ISSUER, keys }
    await expectCode(() => resource.verify(token, () => self, now), 'ERR_CREDENTIAL_TYPE')
  })

  it('begin anew with each request', async () => {
    const test = await startTransactionService()
    const token = test.alice()
    const ids = [await test.begin(token), await test.begin(token)].map(({ body }) => claimsOf(body.access_token)['txn'])
    expect(new Set(ids).size).toBe(2)
  })

  it('leave hashes in the audit, and no token', async () => {
    const test = await startTransactionService()
    const subject = test.alice()
    const reply = await test.begin(subject, { request_details: json({ action: 'BUY' }) })
    const token = reply.body.access_token
    const event = test.log.events('token.issued').at(-1)
    expect(event).toMatchObject({
      rule: 'begin',
      profile: 'transaction-token',
      client: GATEWAY,
      subject: 'login/alice',
      subjectTokenHash: nodeCrypto.sha256Base64url(subject),
      tokenId: nodeCrypto.sha256Base64url(token),
      transactionId: claimsOf(token)['txn'],
    })
    for (const part of [...subject.split('.').slice(1), ...token.split('.').slice(1), 'BUY']) {
      expect(json(test.log.events('token.issued'))).not.toContain(part)
    }
  })

  it('begin for what a workload signed itself', async () => {
    const test = await startTransactionService()
    const form = { subject_token_type: TYPE.selfSigned }
    const reply = await test.begin(test.selfSigned(), form)
    expect(claimsOf(reply.body.access_token)).toMatchObject({
      sub: `urn:countersign:self-signed:${GATEWAY}:nightly`,
      req_wl: GATEWAY,
      exp: test.clock.now() + 60,
    })
    const asked = async (token: string, workload = test.gateway) => oauthError(await test.begin(token, form, workload))
    expect(await asked(test.selfSigned({ sub: 'other' }))).toBe('400 invalid_request')
    expect(await asked(test.selfSigned(), test.broker)).toBe('400 invalid_request')
    expect(await asked(test.selfSigned({ aud: 'https://other.example' }))).toBe('400 invalid_request')
    expect(await asked(test.selfSigned({ exp: 1, iat: 0 }))).toBe('400 invalid_request')
    expect(await asked(test.selfSigned({}, generateSigningKey('ES256')))).toBe('400 invalid_request')
    expect(await asked(test.gateway.wit)).toBe('400 invalid_request')
    expect(await asked(test.alice())).toBe('400 invalid_request')
  })

  it('begin for an unsigned subject, by a client that a rule lets say so', async () => {
    const test = await startTransactionService()
    const form = { subject_token_type: TYPE.unsigned }
    const subject = json({ sub: 'login/alice' })
    const reply = await test.begin(subject, form)
    expect(claimsOf(reply.body.access_token)).toMatchObject({ sub: 'urn:countersign:unsigned-json:login/alice' })
    expect(oauthError(await test.begin(subject, form, test.broker))).toBe('400 unauthorized_client')
    expect(oauthError(await test.begin(subject, { ...form, scope: 'trade.stocks' }))).toBe('400 invalid_scope')
    expect(oauthError(await test.begin(json({ sub: 'a', exp: 1 }), form))).toBe('400 invalid_request')
    expect(oauthError(await test.begin('{"sub":"a","sub":"b"}', form))).toBe('400 invalid_request')
    const asAccessToken = { ...form, requested_token_type: TYPE.access }
    expect(oauthError(await test.begin(subject, asAccessToken))).toBe('400 unauthorized_client')
  })

  it('are not given for an unsigned subject without a rule for that', async () => {
    const test = await startTransactionService(TRANSACTION_RULES.filter(({ name }) => name !== 'mail'))
    const form = { subject_token_type: TYPE.unsigned }
    expect(oauthError(await test.begin(json({ sub: 'a' }), form))).toBe('400 unauthorized_client')
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['no audience', { audience: '' }, '400 invalid_request'],
    ['another trust domain', { audience: 'other.example' }, '400 invalid_target'],
    ['no scope', { scope: '' }, '400 invalid_request'],
    ['scope beyond the rule', { scope: 'profile' }, '400 invalid_scope'],
    ['a refresh token', { subject_token_type: TYPE.refresh }, '400 invalid_request'],
    ['details that no rule lets through', { request_details: '{"admin":true}' }, '400 invalid_request'],
    ['context that no rule lets through', { request_context: '{"authn":"face"}' }, '400 invalid_request'],
    ["details in the issuer's place", { request_details: '{"groups":["admin"]}' }, '400 invalid_request'],
    ['details that are no JSON', { request_details: 'action=BUY' }, '400 invalid_request'],
    ['too large details', { request_details: json({ action: 'x'.repeat(5000) }) }, '400 invalid_request'],
    ['too large a context', { request_context: json({ req_ip: 'x'.repeat(5000) }) }, '400 invalid_request'],
  ])('are not given for a request with %s', async (_, form, expected) => {
    const test = await startTransactionService()
    expect(oauthError(await test.begin(test.alice(), form))).toBe(expected)
  })

  it.each<[string, object, string]>([
    ['that has expired', { expiresAt: 1, issuedAt: 0 }, '400 invalid_request'],
    ['without the scope', { scopes: ['trade.stocks'] }, '400 invalid_scope'],
    ['without any scope', { scopes: [] }, '400 invalid_scope'],
    ['for another service', { audience: ['https://other.example'] }, '400 invalid_request'],
  ])('are not given for an access token %s', async (_, change, expected) => {
    const test = await startTransactionService()
    expect(oauthError(await test.begin(test.alice(change)))).toBe(expected)
  })

  it('are not given to other workloads, nor to nobody', async () => {
    const test = await startTransactionService()
    expect(oauthError(await test.begin(test.alice(), {}, test.broker))).toBe('400 unauthorized_client')
    const { key } = test.broker
    expect(oauthError(await test.begin(test.alice(), {}, { ...test.gateway, key }))).toBe('401 invalid_client')
  })

  it('live no longer than the access token', async () => {
    const test = await startTransactionService()
    const token = await test.begin(test.alice({ expiresAt: test.clock.now() + 20 }))
    expect(token.body.expires_in).toBe(20)
  })
})

describe('replaced transaction tokens', () => {
  it('go on with the transaction, and say who asked', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    const form = { request_details: json({ quote: '7' }), request_context: json({ hop: 'broker' }) }
    const reply = await test.replace(first, form)
    expect(reply.body).toMatchObject({ token_type: 'N_A', issued_token_type: TYPE.txn })
    expect(claimsOf(reply.body.access_token)).toEqual({
      ...claimsOf(first),
      iat: test.clock.now(),
      req_wl: BROKER,
      'urn:countersign:earlier_req_wl': [GATEWAY],
      tctx: { action: 'BUY', groups: ['staff'], quote: '7' },
      rctx: { hop: 'broker' },
    })
  })

  it('go on for a subject that is a workload', async () => {
    const own = {
      name: 'own',
      grant: 'token-exchange',
      subject: { profile: 'wit', issuer: 'example.org', subject: [GATEWAY] },
      to: { profile: 'transaction-token', audience: ['example.org'], scopes: ['trade.read'], binding: 'none' },
    }
    const test = await startTransactionService([own, ...TRANSACTION_RULES])
    const form = { subject_token_type: 'urn:countersign:token-type:wit' }
    const first = (await test.begin(test.gateway.wit, form)).body.access_token
    expect(claimsOf(first)['sub']).toBe(GATEWAY)
    expect(claimsOf((await test.replace(first)).body.access_token)['sub']).toBe(GATEWAY)
  })

  it('may say the same again, and never something else', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    const same = await test.replace(first, { request_details: json({ action: 'BUY' }) })
    expect(same.status).toBe(200)
    const other = await test.replace(first, { request_details: json({ action: 'SELL' }) })
    expect(oauthError(other)).toBe('400 invalid_request')
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ error: 'invalid_request', subject: 'login/alice' })
  })

  it('get no more scope than the first had, whatever the rule allows', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    expect(oauthError(await test.replace(first, { scope: 'trade.stocks' }))).toBe('400 invalid_scope')
    expect(oauthError(await test.replace(first, { scope: 'trade.read trade.stocks' }))).toBe('400 invalid_scope')
  })

  it('keep their subject, also where a rule would rename it', async () => {
    const [, goOn] = TRANSACTION_RULES
    const rename = { ...goOn, to: { ...goOn?.to, subject: 'login/admin' } }
    const test = await startTransactionService([...TRANSACTION_RULES.slice(0, 1), rename])
    expect(oauthError(await test.replace(await firstToken(test)))).toBe('400 invalid_request')
  })

  it('live no longer than what they replace', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    const end = claimsOf(first)['exp'] as number
    await test.clock.advance(200)
    const second = (await test.replace(first)).body.access_token
    expect(claimsOf(second)['exp']).toBe(end)
    await test.clock.advance(99)
    const third = (await test.replace(second)).body
    expect(third.expires_in).toBe(1)
    await test.clock.advance(1)
    expect(oauthError(await test.replace(third.access_token))).toBe('400 invalid_request')
    expect(oauthError(await test.replace(first))).toBe('400 invalid_request')
  })

  it('are replaced seven times and not once more', async () => {
    const test = await startTransactionService()
    let token = await firstToken(test)
    for (let times = 0; times < 7; times++) token = (await test.replace(token)).body.access_token
    expect(claimsOf(token)['urn:countersign:earlier_req_wl']).toEqual([GATEWAY, ...Array(6).fill(BROKER)])
    expect(oauthError(await test.replace(token))).toBe('400 invalid_request')
  })

  it('cannot be forged, or come from elsewhere', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    const asked = async (token: string) => oauthError(await test.replace(token))
    const stranger = generateSigningKey('ES256', { kid: decodeToken(first).header['kid'] as string })
    for (const claims of [{ sub: 'login/eve' }, { tctx: { action: 'SELL' } }, { aud: 'other.example' }, {}]) {
      expect(await asked(mutateToken(first, { claims, key: stranger }))).toBe('400 invalid_request')
    }
    expect(await asked(mutateToken(first, { header: { alg: 'none' } }))).toBe('400 invalid_request')
  })

  it('are transaction tokens and nothing else', async () => {
    const test = await startTransactionService()
    const first = await firstToken(test)
    // As an access token, an actor, a client; and an access token in its place.
    expect(oauthError(await test.begin(first))).toBe('400 invalid_request')
    expect(oauthError(await test.replace(test.alice()))).toBe('400 invalid_request')
    const actor = { actor_token: first, actor_token_type: TYPE.txn }
    expect(oauthError(await test.begin(test.alice(), actor))).toBe('400 invalid_request')
    const asClient = { grant_type: 'client_credentials', ...assertionForm(first) }
    expect(oauthError(await test.post(asClient))).toBe('401 invalid_client')
    const asAccess = { requested_token_type: TYPE.access, audience: 'https://orders.example' }
    expect(oauthError(await test.replace(first, asAccess))).toBe('400 unauthorized_client')
  })
})

describe('rules of transactions', () => {
  const [begin, goOn, nightly] = TRANSACTION_RULES
  const toAccess = { profile: 'access-token', audience: ['https://orders.example'] }
  it.each([
    ['an access token of a transaction token', { ...goOn, to: toAccess }],
    ['an identity of a transaction token', { ...goOn, to: { profile: 'jwt-svid', audience: ['x'], binding: 'none' } }],
    ['a WIT of a transaction token', { ...goOn, to: { profile: 'wit', audience: ['x'] } }],
    ['an access token of what a workload says itself', { ...nightly, to: toAccess }],
    ['details of an access token', { ...begin, to: { ...toAccess, details: ['action'] } }],
    ['context of an access token', { ...begin, to: { ...toAccess, context: ['req_ip'] } }],
  ])('cannot ask for %s', async (_, rule) => {
    await expectCode(startTransactionService([rule]), 'ERR_EXCHANGE_RULES')
  })
})
