import { AccessTokenIssuer } from '@countersign/protocol/exchange'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import type { FakeWorkload } from '@countersign/testing'
import { expectCode, mutateToken } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Decision } from '../audit/decision.ts'
import { Programs } from '../test-support/programs.ts'
import { DOMAIN, TransactionService } from '../test-support/transaction-service.ts'
import type { AcceptedBindings } from '../verification/binding.ts'
import { CallerVerifier } from '../verification/caller-verifier.ts'
import { PublishedKeys } from './published-keys.ts'
import type { TransactionOptions } from './transaction-verifier.ts'

let programs: Programs
let service: TransactionService
let storefront: FakeWorkload
let decisions: Decision[]

beforeEach(async () => {
  programs = new Programs()
  service = await TransactionService.start(programs)
  storefront = programs.domain.workload('/storefront')
  decisions = []
})

afterEach(() => service.stop())

function verifierWith(options: Partial<TransactionOptions> = {}, accept?: AcceptedBindings): CallerVerifier {
  const workload = programs.connect('/orders')
  return new CallerVerifier({
    workload,
    audience: 'orders',
    policy: ({ transaction }) => transaction === undefined || transaction.content.scopes.includes('orders.read'),
    transactions: { trustDomain: DOMAIN, keys: new PublishedKeys(service.jwksUri, workload.runtime), ...options },
    onDecision: (decision) => decisions.push(decision),
    ...(accept === undefined ? {} : { accept }),
  })
}

/** A call with a proof that covers this token, or another than it sends. */
function call(sent: string | undefined, bound: string | undefined = sent) {
  const now = programs.clock.now()
  const wit = storefront.wit(now)
  const content = { audience: 'orders', now, ...(bound === undefined ? {} : { txnToken: bound }) }
  const proof = storefront.proof(wit, content)
  const fields = ['Workload-Identity-Token', wit, 'Workload-Proof-Token', proof]
  return { method: 'GET', target: '/', rawHeaders: sent === undefined ? fields : [...fields, 'Txn-Token', sent] }
}

describe('verifyCaller with transactions', () => {
  it('tells handler, policy and audit of the transaction', async () => {
    const token = service.token()
    const { transaction } = await verifierWith().verify(call(token))
    expect(transaction?.content).toMatchObject({
      transactionId: 'txn-0',
      subject: 'login/alice',
      scopes: ['orders.read'],
      requestingWorkload: 'spiffe://shop.example/gateway',
      transactionContext: { order: '42' },
    })
    expect(await transaction?.token()).toBe(token)
    expect(decisions).toMatchObject([{ allowed: true, transaction: 'txn-0' }])
    expect(JSON.stringify(decisions)).not.toContain(token.split('.')[2])
  })

  it('leaves authorization to the policy', async () => {
    await expectCode(verifierWith().verify(call(service.token({ scopes: ['other'] }))), 'ERR_POLICY_DENIED')
  })

  it.each<[string, () => string, string]>([
    ['of another trust domain', () => service.token({}, 'other.example'), 'ERR_CREDENTIAL_AUDIENCE'],
    [
      'of another service',
      () => service.token({}, DOMAIN, generateSigningKey('ES256', { kid: 'x' })),
      'ERR_CREDENTIAL_KEY_UNKNOWN',
    ],
    [
      'that another signed',
      () => service.token({}, DOMAIN, generateSigningKey('ES256', { kid: 'oauth-1' })),
      'ERR_CREDENTIAL_SIGNATURE',
    ],
    [
      'without req_wl',
      () => mutateToken(service.token(), { claims: { req_wl: undefined }, key: service.key }),
      'ERR_CREDENTIAL_MALFORMED',
    ],
    ['that is an access token', () => accessToken(), 'ERR_CREDENTIAL_TYPE'],
  ])('refuses a token %s', async (_, make, code) => {
    await expectCode(verifierWith().verify(call(make())), code)
    expect(decisions).toMatchObject([{ allowed: false, code, caller: 'spiffe://shop.example/storefront' }])
  })

  it('refuses a token that has expired', async () => {
    const verifier = verifierWith()
    const token = service.token()
    await programs.clock.advance(149)
    await verifier.verify(call(token))
    await programs.clock.advance(1)
    await expectCode(verifier.verify(call(token)), 'ERR_CREDENTIAL_EXPIRED')
  })

  it('refuses a token that the proof does not cover, and a proof for one that is not there', async () => {
    const token = service.token()
    await expectCode(verifierWith().verify(call(token, service.token())), 'ERR_PROOF_TXN_TOKEN')
    await expectCode(verifierWith().verify(call(undefined, token)), 'ERR_PROOF_TXN_TOKEN')
  })

  it('refuses a token beside a bearer token, which covers nothing', async () => {
    const bearer = programs.domain.jwtSvid('/storefront', ['orders'], programs.clock.now())
    const rawHeaders = ['Authorization', `Bearer ${bearer}`, 'Txn-Token', service.token()]
    const verifier = verifierWith({ required: false }, ['bearer'])
    await expectCode(verifier.verify({ method: 'GET', target: '/', rawHeaders }), 'ERR_PROOF_TXN_TOKEN')
    await verifier.verify({ method: 'GET', target: '/', rawHeaders: rawHeaders.slice(0, 2) })
  })

  it('refuses a call without a transaction, unless that is allowed', async () => {
    await expectCode(verifierWith().verify(call(undefined)), 'ERR_POLICY_TRANSACTION')
    const caller = await verifierWith({ required: false }).verify(call(undefined))
    expect(caller.transaction).toBeUndefined()
    await expectCode(verifierWith({ required: false }).verify(call('a.b.c')), 'ERR_CREDENTIAL_MALFORMED')
  })

  it('takes tokens only that the right workload asked for', async () => {
    const isGateway = (workload: string) => workload === 'spiffe://shop.example/gateway'
    await verifierWith({ requestedBy: isGateway }).verify(call(service.token()))
    const verifier = verifierWith({ requestedBy: () => false })
    await expectCode(verifier.verify(call(service.token())), 'ERR_POLICY_TRANSACTION')
  })

  it('looks at no token where nobody said how', async () => {
    const workload = programs.connect('/orders')
    const verifier = new CallerVerifier({ workload, audience: 'orders', policy: () => true })
    expect((await verifier.verify(call('whatever'))).transaction).toBeUndefined()
  })

  it('finds a new key at once, and does not ask for each name that is made up', async () => {
    const verifier = verifierWith()
    await verifier.verify(call(service.token()))
    const next = generateSigningKey('ES256', { kid: 'oauth-2' })
    service.published = [service.key.publicJwk, next.publicJwk]
    await programs.clock.advance(30)
    await verifier.verify(call(service.token({}, DOMAIN, next)))
    const made = service.token({}, DOMAIN, generateSigningKey('ES256', { kid: 'made-up' }))
    for (let times = 0; times < 5; times++) {
      await expectCode(verifier.verify(call(made)), 'ERR_CREDENTIAL_KEY_UNKNOWN')
    }
    expect(service.keyRequests).toBe(2)
  })

  it('answers 503 while the keys cannot be had', async () => {
    service.published = [{ kty: 'oct' }]
    const url = service.jwksUri.replace(/:\d+/, ':1')
    const keys = new PublishedKeys(url, programs.connect('/orders').runtime)
    const { answer } = await verifierWith({ keys }).judge(call(service.token()))
    expect(answer?.status).toBe(503)
    expect(decisions).toMatchObject([{ allowed: false, code: 'ERR_SDK_KEYS' }])
  })
})

function accessToken(): string {
  const now = programs.clock.now()
  return new AccessTokenIssuer(service.key, service.origin).issue({
    subject: 'login/alice',
    audience: [DOMAIN],
    clientId: 'spiffe://shop.example/gateway',
    scopes: ['orders.read'],
    issuedAt: now,
    expiresAt: now + 120,
    id: 'id-1',
  }) as string
}
