import { createServer, type Server } from 'node:http'
import { decodeToken, expectCode } from '@countersign/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { currentCaller, currentTransaction } from '../context/call-context.ts'
import { verifyCaller } from '../middleware/http.ts'
import { Programs } from '../test-support/programs.ts'
import { DOMAIN, TransactionService } from '../test-support/transaction-service.ts'
import { closeServer, listen } from '../test-support/wire.ts'
import type { Workload } from '../workload.ts'
import { PublishedKeys } from './published-keys.ts'
import { TransactionTokens } from './transaction-tokens.ts'

const PURPOSE = { scope: ['orders.read', 'orders.write'], details: { order: '42' }, context: { req_ip: '192.0.2.1' } }
const TXN_TYPE = 'urn:ietf:params:oauth:token-type:txn_token'

let programs: Programs
let service: TransactionService
let gateway: Workload
let orders: Workload
let stock: Workload
let tokens: TransactionTokens
let servers: Server[]

beforeEach(async () => {
  programs = new Programs()
  service = await TransactionService.start(programs)
  ;[gateway, orders, stock] = ['/gateway', '/orders', '/stock'].map((path) => programs.connect(path)) as [
    Workload,
    Workload,
    Workload,
  ]
  tokens = tokensOf(gateway)
  servers = []
})

afterEach(async () => {
  await Promise.all([...servers.map(closeServer), service.stop()])
})

const tokensOf = (workload: Workload) =>
  new TransactionTokens({ workload, tokenEndpoint: service.tokenEndpoint, trustDomain: DOMAIN })

/** A service that takes calls in transactions alone, and answers with what `handle` says. */
async function serve(workload: Workload, handle: () => unknown): Promise<string> {
  const server = createServer()
  servers.push(server)
  const origin = `http://127.0.0.1:${await listen(server)}`
  const keys = new PublishedKeys(service.jwksUri, workload.runtime)
  server.on(
    'request',
    verifyCaller(
      { workload, audience: origin, policy: () => true, transactions: { trustDomain: DOMAIN, keys } },
      async (request, response) => {
        response.end(JSON.stringify({ token: request.headers['txn-token'], answer: await handle() }))
      },
    ),
  )
  return origin
}

/** What a service got, what it said, or why it refused. */
interface Reply {
  readonly token?: string
  readonly answer?: { readonly token?: string } | string
  readonly code?: string
}

const ask = async (workload: Workload, url: string, init = {}) => {
  const response = await workload.fetch(url, init)
  return { status: response.status, ...((await response.json()) as Reply) }
}

describe('TransactionTokens', () => {
  it("turns a caller's access token into a transaction, with proof of who asks", async () => {
    const token = await tokens.begin('the-access-token', PURPOSE).token()
    expect(decodeToken(token).claims).toMatchObject({ sub: 'login/alice' })
    expect(service.callers).toEqual(['spiffe://shop.example/gateway'])
    expect(Object.fromEntries(service.forms[0] ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: TXN_TYPE,
      audience: DOMAIN,
      scope: 'orders.read orders.write',
      subject_token: 'the-access-token',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      request_details: '{"order":"42"}',
      request_context: '{"req_ip":"192.0.2.1"}',
    })
  })

  it('asks once for all calls of a transaction, and again for the next transaction', async () => {
    const origin = await serve(orders, () => currentTransaction()?.content?.transactionId)
    const calls = () => Promise.all(Array.from({ length: 10 }, () => ask(gateway, origin)))
    const [one, two] = [tokens.begin('a', PURPOSE), tokens.begin('a', PURPOSE)]
    expect(service.forms).toHaveLength(0)
    const answers = [...(await one.run(calls)), ...(await two.run(calls))].map(({ answer }) => answer)
    expect(answers).toEqual([...Array(10).fill('txn-1'), ...Array(10).fill('txn-2')])
    expect(service.forms).toHaveLength(2)
    expect(service.callers).not.toContain('in a transaction')
  })

  it('ends with its token: a second one would be another transaction', async () => {
    const transaction = tokens.begin('a', PURPOSE)
    await transaction.token()
    await programs.clock.advance(119)
    await transaction.token()
    await programs.clock.advance(1)
    await expectCode(transaction.token(), 'ERR_SDK_TRANSACTION_OVER')
    expect(service.forms).toHaveLength(1)
  })

  it('says how the service refused, and asks again the next time', async () => {
    const transaction = tokens.begin('a', PURPOSE)
    service.answer = { status: 400, body: '{"error":"invalid_scope","error_description":"too much"}' }
    const origin = await serve(orders, () => undefined)
    const error = await expectCode(
      transaction.run(() => gateway.fetch(origin)),
      'ERR_SDK_TOKEN_REFUSED',
    )
    expect(error).toMatchObject({ message: expect.stringContaining('invalid_scope'), detail: 'too much' })
    service.answer = undefined
    expect((await transaction.run(() => ask(gateway, origin))).status).toBe(200)
  })

  it.each<[string, (good: string) => object | string]>([
    ['no JSON', () => 'token'],
    ['another type', (token) => ({ access_token: token, issued_token_type: 'urn:x', expires_in: 1 })],
    [
      'an access token',
      () => ({ access_token: 'eyJ0eXAiOiJhdCtqd3QifQ.e30.AA', issued_token_type: TXN_TYPE, expires_in: 1 }),
    ],
    ['no token', () => ({ issued_token_type: TXN_TYPE, expires_in: 1 })],
    ['no lifetime', (token) => ({ access_token: token, issued_token_type: TXN_TYPE })],
    [
      'too much',
      (token) => ({ access_token: token, issued_token_type: TXN_TYPE, expires_in: 1, x: 'x'.repeat(65_536) }),
    ],
  ])('takes no answer with %s', async (_, make) => {
    const body = make(service.token())
    service.answer = { status: 200, body: typeof body === 'string' ? body : JSON.stringify(body) }
    await expectCode(tokens.begin('a', PURPOSE).token(), 'ERR_SDK_TOKEN_RESPONSE')
  })

  it('tells access tokens only to a service that is authenticated', () => {
    const options = { workload: gateway, trustDomain: DOMAIN }
    expect(() => new TransactionTokens({ ...options, tokenEndpoint: 'http://id.example/oauth2/token' })).toThrow(
      TypeError,
    )
  })
})

describe('propagation', () => {
  it.each(['wpt', 'http-signature'] as const)('sends the token on unmodified, bound by %s', async (proof) => {
    const last = await serve(stock, () => undefined)
    const middle = await serve(orders, () => ask(orders, last, { proof }))
    const reply = await tokens.begin('a', PURPOSE).run(() => ask(gateway, middle, { proof }))
    expect(reply.answer).toMatchObject({ status: 200, token: reply.token })
    expect(service.forms).toHaveLength(1)
  })

  it('keeps transactions of concurrent requests apart', async () => {
    const last = await serve(stock, () => currentTransaction()?.content?.transactionId)
    const middle = await serve(orders, () => ask(orders, last))
    const replies = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const transaction = tokens.begin('a', PURPOSE)
        const token = await transaction.token()
        return { token, reply: await transaction.run(() => ask(gateway, middle)) }
      }),
    )
    for (const { token, reply } of replies) expect(reply.answer).toMatchObject({ status: 200, token })
    expect(new Set(replies.map(({ token }) => token)).size).toBe(10)
  })

  it('withholds the token from whom it is told to', async () => {
    const origin = await serve(orders, () => undefined)
    const reply = await tokens.begin('a', PURPOSE).run(() => ask(gateway, origin, { transaction: 'withhold' }))
    expect(reply).toMatchObject({ status: 403, code: 'ERR_POLICY_TRANSACTION' })
  })

  it('refuses to send the token of another transaction', async () => {
    const transaction = tokens.begin('a', PURPOSE)
    const other = service.token({ subject: 'login/eve' })
    await expectCode(
      transaction.run(() => gateway.fetch('http://127.0.0.1:1', { headers: { 'txn-token': other } })),
      'ERR_SDK_REQUEST',
    )
    const same = { headers: { 'txn-token': await transaction.token() } }
    const origin = await serve(orders, () => undefined)
    expect((await transaction.run(() => ask(gateway, origin, same))).status).toBe(200)
  })

  it('goes on with a token of its own where that is asked for', async () => {
    const mine = tokensOf(orders)
    const last = await serve(stock, () => undefined)
    const middle = await serve(orders, () => mine.replace({ scope: 'orders.read' }).run(() => ask(orders, last)))
    const reply = await tokens.begin('a', PURPOSE).run(() => ask(gateway, middle))
    expect(reply.answer).toMatchObject({ status: 200, token: expect.any(String) })
    expect(reply.answer).not.toMatchObject({ token: reply.token })
    expect(Object.fromEntries(service.forms[1] ?? [])).toMatchObject({
      subject_token: reply.token,
      subject_token_type: TXN_TYPE,
      scope: 'orders.read',
    })
    expect(service.callers).toEqual(['spiffe://shop.example/gateway', 'spiffe://shop.example/orders'])
    await expectCode(() => mine.replace(PURPOSE), 'ERR_SDK_REQUEST')
  })

  it("does not take the transaction of whoever started a server for a request's", async () => {
    const open = createServer()
    servers.push(open)
    const guarded = verifyCaller({ workload: orders, audience: 'orders', policy: () => true }, (_, response) => {
      response.end(JSON.stringify({ answer: [currentCaller()?.id.toString(), currentTransaction() === undefined] }))
    })
    const transaction = tokens.begin('a', PURPOSE)
    const port = await transaction.run(() => {
      open.on('request', guarded)
      return listen(open)
    })
    const reply = await ask(gateway, `http://127.0.0.1:${port}`, { audience: 'orders' })
    expect(reply.answer).toEqual(['spiffe://shop.example/gateway', true])
  })
})
