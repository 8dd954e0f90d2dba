/** A transaction that leaves its trust domain: its token becomes a grant for another domain's authorization server. */
import { decodeToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import { ISSUER, oauthError } from '../../test-support/token-service-world.ts'
import {
  BROKER,
  GATEWAY,
  startTransactionService,
  TRANSACTION_RULES,
  type TransactionWorld,
  TYPE,
  type Workload,
} from '../../test-support/transaction-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const PARTNER = 'https://as.partner.example/oauth2'

/** The broker may take purchases to the partner. */
const LEAVE = {
  name: 'leave',
  grant: 'token-exchange',
  subject: {
    profile: 'transaction-token',
    issuer: 'self',
    anySubject: true,
    audience: ['example.org'],
    claims: { action: ['BUY'] },
  },
  client: { profile: 'wit', issuer: 'example.org', subject: [BROKER] },
  to: {
    profile: 'authorization-grant',
    audience: [PARTNER],
    scopes: ['trade.read'],
    claims: ['groups', 'ticker'],
    ttl: 60,
  },
}

const claimsOf = (token: string) => decodeToken(token).claims

async function transactionOf(test: TransactionWorld, action = 'BUY'): Promise<string> {
  const details = JSON.stringify({ action, ticker: 'MSFT' })
  return (await test.begin(test.alice(), { request_details: details })).body.access_token
}

/** Asks for a grant with a transaction token as its subject. */
function leave(test: TransactionWorld, token: string, form: Readonly<Record<string, string>> = {}, by?: Workload) {
  const target = { requested_token_type: JWT, audience: PARTNER, ...form }
  return test.replace(token, target, by)
}

describe('a transaction that leaves its domain', () => {
  it('becomes a grant that says who it is for, who acted, and what the rule hands on', async () => {
    const test = await startTransactionService([...TRANSACTION_RULES, LEAVE])
    const token = await transactionOf(test)
    const reply = await leave(test, token)
    expect(reply.body).toMatchObject({ token_type: 'N_A', issued_token_type: JWT, expires_in: 60, scope: 'trade.read' })
    expect(claimsOf(reply.body.access_token)).toEqual({
      iss: ISSUER,
      sub: 'login/alice',
      aud: PARTNER,
      scope: 'trade.read',
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
      requested_cnf: { jkt: expect.any(String) },
      act: { sub: BROKER, act: { sub: GATEWAY } },
      groups: ['staff'],
      ticker: 'MSFT',
    })
    expect(test.log.events('token.issued').at(-1)).toMatchObject({
      profile: 'authorization-grant',
      transactionId: claimsOf(token)['txn'],
    })
  })

  it('shows a workload that went on with it before', async () => {
    const test = await startTransactionService([...TRANSACTION_RULES, LEAVE])
    const { body } = await test.replace(await transactionOf(test))
    const reply = await leave(test, body.access_token)
    expect(claimsOf(reply.body.access_token)['act']).toEqual({ sub: BROKER, act: { sub: GATEWAY } })
  })

  it.each<[string, (test: TransactionWorld) => Promise<ReturnType<typeof oauthError>>, string]>([
    [
      'by a workload that no rule names',
      async (test) => oauthError(await leave(test, await transactionOf(test), {}, test.gateway)),
      '400 unauthorized_client',
    ],
    [
      'for another purpose than the rule wants',
      async (test) => oauthError(await leave(test, await transactionOf(test, 'SELL'))),
      '400 unauthorized_client',
    ],
    [
      'to a domain that no rule names',
      async (test) => oauthError(await leave(test, await transactionOf(test), { audience: 'https://as.c.example' })),
      '400 invalid_target',
    ],
    [
      'with more scope than it has',
      async (test) => oauthError(await leave(test, await transactionOf(test), { scope: 'trade.stocks' })),
      '400 invalid_scope',
    ],
    [
      'as an access token',
      async (test) => oauthError(await leave(test, await transactionOf(test), { requested_token_type: TYPE.access })),
      '400 unauthorized_client',
    ],
    [
      'when its time is over',
      async (test) => {
        const token = await transactionOf(test)
        await test.clock.advance(301)
        return oauthError(await leave(test, token))
      },
      '400 invalid_request',
    ],
  ])('does not leave %s', async (_, attempt, expected) => {
    const test = await startTransactionService([...TRANSACTION_RULES, LEAVE])
    expect(await attempt(test)).toBe(expected)
  })

  it('needs the access token for none of it: that stays at the gateway', async () => {
    const test = await startTransactionService([...TRANSACTION_RULES, LEAVE])
    const attempt = await leave(test, test.alice(), { subject_token_type: TYPE.access })
    expect(oauthError(attempt)).toBe('400 unauthorized_client')
  })
})
