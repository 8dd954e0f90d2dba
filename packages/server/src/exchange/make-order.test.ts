import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NOW, questionWith, subjectWith } from '../test-support/exchange-question.ts'
import { makeOrder } from './make-order.ts'
import type { ExchangeQuestion } from './rules/decision.ts'
import type { ExchangeRule, RuleTarget } from './rules/rule-schema.ts'

const TO: RuleTarget = {
  profile: 'access-token',
  audience: ['https://orders.example'],
  scopes: ['orders.read'],
  acting: 'delegation',
  binding: 'as-presented',
  ttl: 300,
  maxActors: 3,
}
const alice = subjectWith({ issuer: 'login', issuerUrl: 'https://login.example', subject: 'alice' })
const gateway = subjectWith({ subject: 'spiffe://example.org/gateway' })
const delegated = questionWith({ subject: alice, client: gateway })

function order(question: ExchangeQuestion, to: Partial<RuleTarget> = {}) {
  const rule = { name: 'a', grant: 'token-exchange', to: { ...TO, ...to } } as unknown as ExchangeRule
  return makeOrder(question, rule, { now: NOW, anonymousClient: 'anonymous', provenKey: undefined })
}

describe('makeOrder', () => {
  it('orders what rule and tokens have in common', () => {
    expect(order(delegated)).toMatchObject({
      subject: 'alice',
      clientId: 'spiffe://example.org/gateway',
      audience: ['https://orders.example'],
      scopes: ['orders.read'],
      actor: { subject: 'spiffe://example.org/gateway' },
      claims: {},
      issuedAt: NOW,
      expiresAt: NOW + 300,
    })
  })

  it.each<[string, Partial<ExchangeQuestion>]>([
    ['subject', { subject: { ...alice, expiresAt: NOW + 60 } }],
    ['client', { client: { ...gateway, expiresAt: NOW + 60 } }],
    ['actor', { actor: { ...gateway, expiresAt: NOW + 60 } }],
  ])('ends with the %s', (_, change) => {
    expect(order({ ...delegated, ...change }).expiresAt).toBe(NOW + 60)
  })

  it('refuses when no time is left', async () => {
    const question = { ...delegated, subject: { ...alice, expiresAt: NOW } }
    await expectCode(() => order(question), 'ERR_OAUTH_INVALID_REQUEST')
  })

  it.each(['subject', 'client', 'actor'] as const)(
    'puts no certificate onto a key that a token of the %s binds to another name',
    async (role) => {
      const key = { kind: 'jkt', thumbprint: 'a' } as const
      const to = { profile: 'x509-svid', subject: 'spiffe://example.org/pod' }
      const party = subjectWith({ ...(role === 'subject' ? alice : gateway), confirmation: key })
      const question = { ...delegated, [role]: party, proven: key }
      await expectCode(() => order(question, to), 'ERR_OAUTH_INVALID_DPOP_PROOF')
      expect(order(question).confirmation).toEqual(key)
      expect(order(question, { ...to, subject: party.localSubject }).confirmation).toEqual(key)
      const other = { ...question, [role]: { ...party, confirmation: { ...key, thumbprint: 'b' } } }
      if (role !== 'subject') expect(order(other, to).confirmation).toEqual(key)
    },
  )

  describe('says who acts', () => {
    it('not, where the subject asks for itself', () => {
      expect(order(questionWith({ subject: gateway })).actor).toBe(undefined)
    })

    it('not, where the rule hides it, and still who acted before', () => {
      const impersonation = { acting: 'impersonation' } as const
      expect(order(delegated, impersonation).actor).toBe(undefined)
      const question = { ...delegated, subject: { ...alice, actor: { subject: 'before' } } }
      expect(order(question, impersonation).actor).toEqual({ subject: 'before' })
    })

    it('by the actor token before the client', () => {
      const actor = subjectWith({ subject: 'spiffe://example.org/agent' })
      expect(order({ ...delegated, actor }).actor).toEqual({ subject: 'spiffe://example.org/agent' })
    })

    it('before those who acted earlier, until there are too many', async () => {
      const two = { subject: 'b', previous: { subject: 'a' } }
      const chain = order({ ...delegated, subject: { ...alice, actor: two } }).actor
      expect(chain).toEqual({ subject: 'spiffe://example.org/gateway', previous: two })
      const three = { subject: 'c', previous: two }
      const question = { ...delegated, subject: { ...alice, actor: three } }
      await expectCode(() => order(question), 'ERR_OAUTH_INVALID_REQUEST')
    })
  })

  describe('shows who acted in a transaction', () => {
    const transaction = {
      id: 'txn-1',
      context: undefined,
      requestContext: undefined,
      requestingWorkloads: ['spiffe://example.org/entrance', 'spiffe://example.org/broker'],
    }
    const traded = { ...alice, issuer: 'self', transaction, actor: { subject: 'portal' } }
    const asked = { subject: 'spiffe://example.org/entrance', previous: { subject: 'portal' } }
    const question = { ...delegated, subject: traded }

    it('outside of it, as actors before the one that acts now', () => {
      const broker = { subject: 'spiffe://example.org/broker', previous: asked }
      const grant = { profile: 'authorization-grant', maxActors: 8 }
      expect(order(question, grant).actor).toEqual({ subject: gateway.subject, previous: broker })
      expect(order(question, { ...grant, acting: 'impersonation' }).actor).toEqual(broker)
    })

    it('within it, as its requesting workloads alone', () => {
      const replacement = { profile: 'transaction-token', maxActors: 8 }
      expect(order(question, replacement).actor).toEqual({ subject: gateway.subject, previous: { subject: 'portal' } })
    })

    it('and refuses when there are too many of them', async () => {
      await expectCode(() => order(question, { profile: 'authorization-grant' }), 'ERR_OAUTH_INVALID_REQUEST')
    })
  })

  describe('takes a workload of another domain that brings its own grant', () => {
    const partner = 'https://as.partner.example'
    const shop = subjectWith({
      issuer: 'partner.example',
      issuerUrl: 'spiffe://partner.example',
      subject: 'spiffe://partner.example/shop',
    })
    const grantBy = (subject: string) => ({
      ...alice,
      actor: { subject, issuer: partner, previous: { subject: 'spiffe://partner.example/gateway', issuer: partner } },
    })

    it('for the one actor that it is', () => {
      expect(order(questionWith({ subject: grantBy(shop.subject), client: shop })).actor).toEqual({
        subject: shop.subject,
        previous: { subject: 'spiffe://partner.example/gateway', issuer: partner },
      })
    })

    it('and leaves another one, or a name that is no identifier, where it was', () => {
      const other = grantBy('spiffe://partner.example/other')
      expect(order(questionWith({ subject: other, client: shop })).actor).toEqual({
        subject: shop.subject,
        previous: other.actor,
      })
      const pod = subjectWith({ issuer: 'cluster', issuerUrl: 'https://cluster.example', subject: 'pod' })
      const named = grantBy('pod')
      expect(order(questionWith({ subject: named, client: pod })).actor).toEqual({
        subject: 'pod',
        previous: named.actor,
      })
    })
  })

  describe('names the subject', () => {
    it('as the rule does', () => {
      expect(order(delegated, { subject: 'spiffe://example.org/people' }).subject).toBe('spiffe://example.org/people')
    })

    it('as its issuer may', () => {
      expect(order(questionWith({ subject: gateway })).subject).toBe('spiffe://example.org/gateway')
    })

    it('as it was named when this service made the token', () => {
      const subject = { ...gateway, issuer: 'self', issuerUrl: 'https://id.example.org/oauth2' }
      expect(order(questionWith({ subject })).subject).toBe('spiffe://example.org/gateway')
    })

    it.each([
      ['like a workload, though its issuer is no trust domain', { localSubject: 'spiffe://example.org/a' }],
      ['like a workload, in capitals', { localSubject: 'SPIFFE://example.org/a' }],
      ['like a workload of WIMSE', { localSubject: 'wimse://example.org/a' }],
    ])('not %s', async (_, change) => {
      await expectCode(() => order({ ...delegated, subject: { ...alice, ...change } }), 'ERR_OAUTH_INVALID_REQUEST')
    })

    it('not like a workload of another trust domain', async () => {
      const subject = { ...gateway, localSubject: 'spiffe://other.example/a' }
      await expectCode(() => order(questionWith({ subject })), 'ERR_OAUTH_INVALID_REQUEST')
    })
  })

  it('hands on the claims that the rule names, and no other', () => {
    const subject = { ...alice, claims: { team: 'a', tenant: 'b' } }
    expect(order({ ...delegated, subject }, { claims: ['team', 'absent', 'constructor'] }).claims).toEqual({
      team: 'a',
    })
  })

  it('binds the token to the key that was proved, and makes no bearer token of one that is bound', async () => {
    const key = { kind: 'jkt', thumbprint: 'x' } as const
    expect(order({ ...delegated, proven: key }).confirmation).toBe(key)
    expect(order(delegated).confirmation).toBe(undefined)
    await expectCode(() => order(delegated, { binding: 'required' }), 'ERR_OAUTH_INVALID_DPOP_PROOF')
    const bound = { ...delegated, subject: { ...alice, confirmation: key } }
    await expectCode(() => order(bound), 'ERR_OAUTH_INVALID_DPOP_PROOF')
  })

  it('calls a client that nobody knows by that name', () => {
    expect(order({ ...delegated, client: undefined }).clientId).toBe('anonymous')
  })
})
