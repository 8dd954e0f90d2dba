/** Rules that can never end in a token, as they would be read with the profiles of this server. */
import { silentLogger } from '@countersign/plugin-kit'
import { expectCode, FakeClock } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parsePluginChoices } from '../../config/server-plugins.ts'
import { ExchangeRuleSet } from './exchange-rule-set.ts'
import { createVocabulary } from './rule-vocabulary.ts'

const context = { clock: new FakeClock(), log: silentLogger, dataDir: '/none' }
const { tokenProfiles } = parsePluginChoices({ keyManager: { name: 'disk' }, nodeAttestors: [] }, '/none')
const VOCABULARY = createVocabulary({
  ownAudience: 'https://as.example.org',
  trustDomain: 'example.org',
  profiles: new Map([...tokenProfiles].map(([name, create]) => [name, create(context)])),
  issuers: [
    { name: 'cluster', profiles: ['service-account'] },
    { name: 'login', profiles: ['access-token'] },
    { name: 'partner', profiles: ['authorization-grant'] },
  ],
})

const ORDERS = { profile: 'access-token', audience: ['https://orders.example'] }
const POD = { profile: 'service-account', issuer: 'cluster', subject: ['system:serviceaccount:a:b'] }
const USER = { profile: 'access-token', issuer: 'login', anySubject: true }
const GRANT = { profile: 'authorization-grant', issuer: 'partner', anySubject: true }
const wit = (name: string) => ({ profile: 'wit', issuer: 'example.org', subject: [`spiffe://example.org/${name}`] })
const registered = { profile: 'registered-client', issuer: 'clients', subject: ['shop'] }
const TRANSACTION = { profile: 'transaction-token', audience: ['example.org'], scopes: ['trade'], binding: 'none' }
const JWT_SVID = { profile: 'jwt-svid', audience: ['https://orders.example'] }
const WIT = { profile: 'wit', audience: ['example.org'] }

const exchange = (subject: object, client: object | string, to: object, more: object = {}) => ({
  name: 'a',
  grant: 'token-exchange',
  subject,
  client,
  to,
  ...more,
})
const parse = (...rules: object[]) => ExchangeRuleSet.parse({ rules }, VOCABULARY)

describe('a rule that can be meant', () => {
  it.each<[string, object]>([
    ['a pod that asks for itself', { name: 'a', grant: 'client_credentials', subject: POD, to: ORDERS }],
    ['a registered client', { name: 'a', grant: 'client_credentials', subject: registered, to: ORDERS }],
    ['a workload that brings a transaction', exchange(USER, wit('gateway'), TRANSACTION)],
    [
      'a pod that begins a transaction, by a bearer token',
      exchange(USER, POD, { ...TRANSACTION, binding: 'as-presented' }),
    ],
    ['a JWT-SVID for a workload', exchange(wit('a'), 'subject', { ...JWT_SVID, binding: 'none' })],
    ['a WIT for a pod', exchange(POD, 'subject', { ...WIT, subject: 'spiffe://example.org/pod' })],
    [
      'a WIT of another name',
      exchange(wit('a'), wit('b'), { ...WIT, subject: 'spiffe://example.org/c', acting: 'impersonation' }),
    ],
    ['a grant of a partner', { name: 'a', grant: 'jwt-bearer', subject: GRANT, client: 'none', to: ORDERS }],
    ['a grant for a partner', exchange(USER, wit('a'), { ...ORDERS, profile: 'authorization-grant' })],
    [
      'a workload of a trust domain that is not federated yet',
      exchange({ profile: 'wit', issuer: 'other.example', below: 'spiffe://other.example' }, wit('a'), ORDERS),
    ],
  ])('is read: %s', (_, rule) => {
    expect(parse(rule).size).toBe(1)
  })
})

describe('a rule that can never hold', () => {
  it.each<[string, object, RegExp]>([
    [
      'a transaction for a workload that always proves a key',
      exchange(USER, wit('gateway'), { ...TRANSACTION, binding: undefined }),
      /"transaction-token" cannot be bound.*"wit" proves one: write "binding: none"/,
    ],
    [
      'a JWT-SVID for a workload that always proves a key',
      exchange(wit('a'), 'subject', JWT_SVID),
      /"jwt-svid" cannot be bound.*write "binding: none"/,
    ],
    [
      'a JWT-SVID that must be bound',
      exchange(POD, 'subject', { ...JWT_SVID, subject: 'spiffe://example.org/pod', binding: 'required' }),
      /binding: none/,
    ],
    [
      'an actor that always proves a key',
      exchange(USER, POD, { ...TRANSACTION, binding: undefined }, { actor: wit('a') }),
      /binding: none/,
    ],
    ['a WIT without a key', exchange(wit('a'), 'subject', { ...WIT, binding: 'none' }), /leave "binding" out/],
    ['a WIT with scopes', exchange(wit('a'), 'subject', { ...WIT, scopes: ['x'] }), /to\.scopes/],
    ['a WIT that should name who acts', exchange(wit('a'), wit('b'), WIT), /acting: impersonation/],
    [
      'a WIT by another domain',
      exchange({ ...wit('a'), issuer: 'example.org' }, 'subject', { ...WIT, subject: 'spiffe://other.example/a' }),
      /no workload of "example.org"/,
    ],
    [
      'a WIT of a reserved name',
      exchange(POD, 'subject', { ...WIT, subject: 'spiffe://example.org/countersign/a' }),
      /given/,
    ],
    ['a WIT for a pod without a name', exchange(POD, 'subject', WIT), /to\.subject: must say/],
    [
      'a workload that its issuer has not',
      exchange({ ...wit('a'), subject: ['spiffe://other.example/a'] }, wit('b'), ORDERS),
      /subject: "spiffe:\/\/other.example\/a" is no workload of "example.org"/,
    ],
    [
      'workloads below a name that its issuer has not',
      exchange(USER, { profile: 'wit', issuer: 'example.org', below: 'spiffe://other.example' }, ORDERS),
      /client: nothing below/,
    ],
    [
      'another token than those of client_credentials',
      { name: 'a', grant: 'client_credentials', subject: wit('a'), to: WIT },
      /ends in an access-token only/,
    ],
    [
      'a client by a token that authenticates nobody',
      exchange(USER, USER, ORDERS),
      /client: no "access-token" authenticates a client/,
    ],
    ['a grant as subject', exchange(GRANT, wit('a'), ORDERS), /no "authorization-grant" is taken as subject_token/],
    [
      'a subject token as grant',
      { name: 'a', grant: 'jwt-bearer', subject: USER, client: 'none', to: ORDERS },
      /no "access-token" is taken as authorization grant/,
    ],
    [
      'a transaction as actor',
      exchange(USER, wit('a'), ORDERS, {
        actor: { profile: 'transaction-token', issuer: 'self', anySubject: true },
      }),
      /actor_token/,
    ],
    [
      'an issuer in a profile that it is not trusted for',
      exchange({ ...USER, issuer: 'cluster' }, wit('a'), ORDERS),
      /"cluster" vouches for nobody by "access-token"/,
    ],
    [
      'a trust domain that should sign access tokens',
      exchange({ ...USER, issuer: 'example.org' }, wit('a'), ORDERS),
      /vouches for nobody/,
    ],
    ['a WIT of a configured issuer', exchange(USER, { ...wit('a'), issuer: 'login' }, ORDERS), /vouches for nobody/],
    ['this service as trust domain', exchange(USER, { ...wit('a'), issuer: 'self' }, ORDERS), /vouches for nobody/],
    [
      'a registered client by another name',
      exchange(USER, { ...registered, issuer: 'cluster' }, ORDERS),
      /vouches for nobody/,
    ],
    [
      'a subject that should ask and has no way to',
      { name: 'a', grant: 'token-exchange', subject: { ...USER, issuer: 'self' }, to: ORDERS },
      /nobody authenticates by "self"/,
    ],
    [
      'a transaction for another domain',
      exchange(USER, wit('a'), { ...TRANSACTION, audience: ['https://orders.example'] }),
      /to\.audience: a transaction token is for "example.org" alone/,
    ],
    [
      'a grant for this very server',
      exchange(USER, wit('a'), { profile: 'authorization-grant', audience: ['https://as.example.org'] }),
      /to\.audience: a grant is for another/,
    ],
  ])('is refused when it is read: %s', async (_, rule, message) => {
    const error = await expectCode(() => parse(JSON.parse(JSON.stringify(rule))), 'ERR_EXCHANGE_RULES')
    expect(error.message).toMatch(/^rule "a": /)
    expect(error.message).toMatch(message)
  })

  it('is refused where it says who may ask for introspection', async () => {
    const read = () =>
      ExchangeRuleSet.parse({ rules: [], resourceServers: [{ client: USER, audience: ['a'] }] }, VOCABULARY)
    const error = await expectCode(read, 'ERR_EXCHANGE_RULES')
    expect(error.message).toMatch(/^resourceServers: client: no "access-token" authenticates a client/)
  })
})

describe('a rule that never counts', () => {
  const to = { ...ORDERS, scopes: ['read', 'write'] }
  const first = exchange(USER, wit('a'), to)
  const second = (change: object) => exchange(USER, wit('a'), { ...to, ...change }, { name: 'b' })

  it.each<[string, object]>([
    ['the same once more', {}],
    ['with a shorter life', { ttl: 5 }],
    ['with a binding', { binding: 'required' }],
    ['with less scope', { scopes: ['read'] }],
  ])('is refused behind the one that answers for it: %s', async (_, change) => {
    const error = await expectCode(() => parse(first, second(change)), 'ERR_EXCHANGE_RULES')
    expect(error.message).toMatch(/rule "b": never counts, since "a"/)
  })

  it.each<[string, object, object]>([
    ['one before it with less scope', first, second({ scopes: ['read', 'admin'] })],
    ['one before it for another audience', first, second({ audience: ['https://x.example'] })],
    ['one before it that leaves a choice', { ...first, to: { ...to, audience: [...to.audience, 'x'] } }, second({})],
    ['one before it for another client', exchange(USER, wit('c'), to), second({})],
    ['one before it for another subject', exchange({ ...USER, claims: { a: ['b'] } }, wit('a'), to), second({})],
  ])('is not every one that stands behind another: %s', (_, before, behind) => {
    expect(parse(before, behind).size).toBe(2)
  })
})
