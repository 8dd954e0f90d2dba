import type { TokenRole } from '@countersign/plugin-kit'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { questionWith, subjectWith } from '../../test-support/exchange-question.ts'
import type { ExchangeQuestion } from './decision.ts'
import { ExchangeRuleSet } from './exchange-rule-set.ts'
import type { RuleVocabulary } from './rule-vocabulary.ts'

const half = (roles: readonly TokenRole[], isBound = false) => ({ roles, isBound })
const VOCABULARY: RuleVocabulary = {
  ownAudience: 'https://as.example.org',
  trustDomain: 'example.org',
  inProfiles: new Map([
    ['service-account', half(['client', 'subject', 'actor'])],
    ['wit', half(['client', 'subject', 'actor'], true)],
    ['access-token', half(['subject', 'actor'])],
    ['authorization-grant', half(['grant'])],
  ]),
  outProfiles: new Map([
    ['access-token', { binding: 'optional' }],
    ['authorization-grant', { binding: 'optional' }],
    ['wit', { binding: 'always' }],
    ['transaction-token', { binding: 'never' }],
    ['jwt-svid', { binding: 'never' }],
  ]),
  isIssuer: (name) => ['cluster', 'login', 'self', 'example.org', 'partner'].includes(name),
  vouches: (issuer, profile) =>
    ({
      cluster: ['service-account'],
      login: ['access-token', 'service-account'],
      self: ['access-token'],
      'example.org': ['wit'],
      partner: ['authorization-grant'],
    })[issuer]?.includes(profile) === true,
}
const SUBJECT = { profile: 'access-token', issuer: 'login', anySubject: true }
const GRANT = { profile: 'authorization-grant', issuer: 'partner', anySubject: true }
const CLIENT = { profile: 'wit', issuer: 'example.org', subject: ['spiffe://example.org/gateway'] }
const TO = { profile: 'access-token', audience: ['https://orders.example'], scopes: ['orders.read'] }
const RULE = { name: 'gateway', grant: 'token-exchange', subject: SUBJECT, client: CLIENT, to: TO }

const parse = (...rules: object[]) => ExchangeRuleSet.parse({ rules }, VOCABULARY)
const gateway = subjectWith({ profile: 'wit', issuer: 'example.org', subject: 'spiffe://example.org/gateway' })
const alice = subjectWith({ profile: 'access-token', issuer: 'login', subject: 'alice', scopes: ['orders.read'] })
const ask = (change: Partial<ExchangeQuestion> = {}) =>
  questionWith({ subject: alice, client: gateway, audience: ['https://orders.example'], ...change })

/** What of the one rule does not hold. */
function failuresOf(rule: object, question: ExchangeQuestion): readonly string[] {
  const decision = parse(rule).decide(question)
  return decision.allowed ? [] : (decision.nearest?.failed ?? ['nothing near'])
}

describe('ExchangeRuleSet', () => {
  it('allows what a rule means', () => {
    expect(parse(RULE).decide(ask())).toMatchObject({ allowed: true, rule: { name: 'gateway' } })
  })

  it('takes the first rule that holds', () => {
    const rules = parse({ ...RULE, name: 'other', to: { ...TO, audience: ['https://x.example'] } }, RULE, {
      ...RULE,
      name: 'last',
      client: { profile: 'wit', issuer: 'example.org', below: 'spiffe://example.org' },
    })
    expect(rules.decide(ask())).toMatchObject({ rule: { name: 'gateway' } })
  })

  it.each<[string, object, Partial<ExchangeQuestion>, readonly string[]]>([
    ['another client', {}, { client: subjectWith({ subject: 'spiffe://example.org/other' }) }, ['client.subject']],
    ['a client of that name by another issuer', {}, { client: { ...gateway, issuer: 'login' } }, ['client.issuer']],
    ['a client of that name by another type', {}, { client: { ...gateway, profile: 'jwt-svid' } }, ['client.profile']],
    ['no client', {}, { client: undefined }, ['client']],
    ['another audience', {}, { audience: ['https://x.example'] }, ['to.audience']],
    ['one more audience', {}, { audience: [...TO.audience, 'https://x.example'] }, ['to.audience']],
    ['more scope than the rule allows', {}, { scopes: ['orders.write'] }, ['to.scopes']],
    [
      'more scope than the subject holds',
      {},
      { subject: { ...alice, scopes: [] }, scopes: ['orders.read'] },
      ['to.scopes'],
    ],
    ['an actor', {}, { actor: gateway }, ['actor']],
    ['no actor', { actor: CLIENT }, {}, ['actor']],
    [
      'another actor',
      { actor: CLIENT },
      { actor: subjectWith({ subject: 'spiffe://example.org/other' }) },
      ['actor.subject'],
    ],
    ['a token for others', {}, { subject: { ...alice, audience: ['https://x.example'] } }, ['subject.audience']],
    [
      'a token bound to a key that nobody proved',
      {},
      { subject: { ...alice, confirmation: { kind: 'jkt', thumbprint: 'x' } }, isSubjectProven: false },
      ['subject.proof'],
    ],
    ['a subject that lets others act', {}, { subject: { ...alice, mayAct: { subject: 'other' } } }, ['may_act']],
    ['another subject', { subject: { ...SUBJECT, anySubject: undefined, subject: ['bob'] } }, {}, ['subject.subject']],
    ['a claim with another value', { subject: { ...SUBJECT, claims: { team: ['c'] } } }, {}, ['subject.claims.team']],
    [
      'an inherited claim',
      { subject: { ...SUBJECT, claims: { constructor: ['b'] } } },
      {},
      ['subject.claims.constructor'],
    ],
  ])('refuses %s', (_, rule, question, expected) => {
    expect(failuresOf(JSON.parse(JSON.stringify({ ...RULE, ...rule })), ask(question))).toEqual(expected)
  })

  it.each<[string, object, Partial<ExchangeQuestion>]>([
    ['an actor that it names', { actor: CLIENT }, { actor: gateway }],
    [
      'a token for an audience that it names',
      { subject: { ...SUBJECT, audience: ['https://gw.example'] } },
      { subject: { ...alice, audience: ['https://gw.example'] } },
    ],
    ['one of the values of a claim', { subject: { ...SUBJECT, claims: { team: ['a', 'c'] } } }, {}],
    [
      'a token whose key the client has seen to',
      { subject: { ...SUBJECT, proof: 'checked-by-client' } },
      { subject: { ...alice, confirmation: { kind: 'jkt', thumbprint: 'x' } }, isSubjectProven: false },
    ],
    ['a client that the subject lets act', {}, { subject: { ...alice, mayAct: { subject: gateway.subject } } }],
    [
      'a client below an identifier',
      { client: { ...CLIENT, subject: undefined, below: 'spiffe://example.org/gateway' } },
      {},
    ],
    ['a client of a whole domain', { client: { ...CLIENT, subject: undefined, below: 'spiffe://example.org' } }, {}],
  ])('allows %s', (_, rule, question) => {
    expect(failuresOf(JSON.parse(JSON.stringify({ ...RULE, ...rule })), ask(question))).toEqual([])
  })

  it('ends a prefix where a segment of the identifier ends', () => {
    const rule = { ...RULE, client: { profile: 'wit', issuer: 'example.org', below: 'spiffe://example.org/gate' } }
    expect(failuresOf(rule, ask())).toEqual(['client.below'])
  })

  it.each([
    ['no rule is for that', { grant: 'jwt-bearer' }, 'ERR_OAUTH_UNAUTHORIZED_CLIENT'],
    ['the client does not fit', { client: undefined }, 'ERR_OAUTH_UNAUTHORIZED_CLIENT'],
    [
      'neither client nor subject do',
      { client: undefined, subject: { ...alice, audience: ['x'] } },
      'ERR_OAUTH_UNAUTHORIZED_CLIENT',
    ],
    ['the subject is for others', { subject: { ...alice, audience: ['x'] } }, 'ERR_OAUTH_INVALID_REQUEST'],
    [
      'the subject is for others, and so is the target',
      { subject: { ...alice, audience: ['x'] }, audience: ['x'] },
      'ERR_OAUTH_INVALID_REQUEST',
    ],
    ['the subject lets others act', { subject: { ...alice, mayAct: { subject: 'b' } } }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['no rule has an actor', { actor: gateway }, 'ERR_OAUTH_INVALID_REQUEST'],
    ['only the audience does not', { audience: ['https://x.example'] }, 'ERR_OAUTH_INVALID_TARGET'],
    ['only the scope does not', { scopes: ['x'] }, 'ERR_OAUTH_INVALID_SCOPE'],
  ] as const)('says how near it was: %s', (_, change, code) => {
    expect(parse(RULE).decide(ask(change as Partial<ExchangeQuestion>))).toMatchObject({ allowed: false, code })
  })

  it.each<[string, Partial<ExchangeQuestion>, string]>([
    ['its audience', { subject: { ...alice, audience: ['x'] } }, 'subject token is meant for another audience'],
    [
      'a key that nobody proved',
      { subject: { ...alice, confirmation: { kind: 'jkt', thumbprint: 'x' } }, isSubjectProven: false },
      'request does not prove the key that the subject token is bound to',
    ],
    [
      'whom it lets act',
      { subject: { ...alice, mayAct: { subject: 'b' } } },
      'subject token lets others act, and not who asks',
    ],
    ['anything that a rule says', { actor: gateway }, 'no rule takes these tokens from this client'],
  ])('says of a token that is not taken what its holder can see in it: %s', (_, change, message) => {
    expect(parse(RULE).decide(ask(change))).toMatchObject({ message })
  })

  describe('where a request names no type', () => {
    const PARTNER = 'https://as.partner.example'
    const toPartner = (name: string, profile: string, to: object = {}) => ({
      ...RULE,
      name,
      to: { ...TO, profile, audience: [PARTNER], ...to },
    })
    const GIVES_GRANT = toPartner('grant', 'authorization-grant')
    const GIVES_SVID = toPartner('svid', 'jwt-svid', {
      scopes: undefined,
      subject: 'spiffe://example.org/a',
      acting: 'impersonation',
      binding: 'none',
    })
    const open = (change: Partial<ExchangeQuestion> = {}) =>
      ask({ requested: undefined, audience: [PARTNER], ...change })
    const bob = subjectWith({ profile: 'access-token', issuer: 'login', subject: 'bob' })

    it.each<[string, readonly object[], Partial<ExchangeQuestion>]>([
      ['is all that rules give for the audience', [RULE, GIVES_GRANT], {}],
      [
        'is given by two rules',
        [GIVES_GRANT, toPartner('second', 'authorization-grant', { audience: [PARTNER, 'https://as.c.example'] })],
        {},
      ],
      [
        'is all that this client may have',
        [
          { ...toPartner('other', 'access-token'), client: { ...CLIENT, subject: ['spiffe://example.org/x'] } },
          GIVES_GRANT,
        ],
        {},
      ],
      [
        'is all that this subject may have',
        [
          { ...toPartner('other', 'access-token'), subject: { ...SUBJECT, anySubject: undefined, subject: ['carol'] } },
          GIVES_GRANT,
        ],
        { subject: bob },
      ],
    ])('means a grant that %s', (_, rules, change) => {
      const set = parse(...(JSON.parse(JSON.stringify(rules)) as object[]))
      expect(set.requestedOf(open(change))).toBe('authorization-grant')
      expect(set.decide(open(change))).toMatchObject({
        allowed: true,
        rule: { to: { profile: 'authorization-grant' } },
      })
      expect(set.explain(open(change)).filter(({ failed }) => failed.length === 0)).not.toEqual([])
    })

    it.each<[string, readonly object[], Partial<ExchangeQuestion>, object]>([
      [
        'both types are given for the audience, in either order',
        [GIVES_GRANT, toPartner('access', 'access-token')],
        {},
        { rule: { name: 'access' } },
      ],
      [
        'only the grant has the scope',
        [{ ...GIVES_GRANT, to: { ...GIVES_GRANT.to, scopes: ['orders.write'] } }, toPartner('access', 'access-token')],
        { subject: bob, scopes: ['orders.write'] },
        { code: 'ERR_OAUTH_INVALID_SCOPE' },
      ],
      ['there is a third type', [GIVES_GRANT, GIVES_SVID], {}, { allowed: false }],
      ['another type than a grant is all there is', [GIVES_SVID], {}, { allowed: false }],
      ['no audience is named', [GIVES_GRANT], { audience: [] }, { allowed: false }],
      ['an audience is named that no rule has', [GIVES_GRANT], { audience: ['https://x.example'] }, { allowed: false }],
      ['the client is another', [GIVES_GRANT], { client: bob }, { allowed: false }],
    ])('means an access token where %s', (_, rules, change, expected) => {
      for (const ordered of [rules, [...rules].reverse()]) {
        const set = parse(...(JSON.parse(JSON.stringify(ordered)) as object[]))
        expect(set.requestedOf(open(change))).toBe('access-token')
        expect(set.decide(open(change))).toMatchObject(expected)
      }
    })

    it('says of a grant what of the target does not hold', () => {
      const refused = parse(GIVES_GRANT).decide(open({ subject: bob, scopes: ['orders.write'] }))
      expect(refused).toMatchObject({ allowed: false, code: 'ERR_OAUTH_INVALID_SCOPE', nearest: { rule: 'grant' } })
    })

    it('means an access token by every other grant', () => {
      const set = parse({ ...RULE, name: 'a', grant: 'jwt-bearer', subject: GRANT, client: 'none' }, GIVES_GRANT)
      const question = { grant: 'jwt-bearer', client: undefined } as const
      expect(set.requestedOf(open(question))).toBe('access-token')
    })

    it('leaves a type that is named alone', () => {
      const set = parse(GIVES_GRANT)
      expect(set.requestedOf(open({ requested: 'access-token' }))).toBe('access-token')
      expect(set.decide(open({ requested: 'access-token' }))).toMatchObject({ allowed: false })
    })
  })

  it('asks for the subject itself where a rule names no client', () => {
    const { client: _, ...rule } = RULE
    expect(failuresOf(rule, ask())).toEqual(['client'])
    expect(failuresOf(rule, ask({ client: alice }))).toEqual([])
    expect(failuresOf(rule, ask({ client: { ...alice, issuer: 'cluster' } }))).toEqual(['client'])
  })

  it('does not ask twice for what was seen to when the client authenticated', () => {
    const workload = subjectWith({ profile: 'service-account', issuer: 'cluster', subject: 'a' })
    const subject = { ...workload, audience: ['https://as.example.org/oauth2/token'] }
    const rule = {
      name: 'a',
      grant: 'client_credentials',
      subject: { profile: 'service-account', issuer: 'cluster', subject: ['a'] },
      to: TO,
    }
    expect(failuresOf(rule, ask({ grant: 'client_credentials', subject, client: subject }))).toEqual([])
  })

  it('explains every rule, in order', () => {
    const other = { ...RULE, name: 'other', grant: 'jwt-bearer', subject: GRANT, client: 'none' }
    const rules = parse(other, RULE)
    expect(rules.explain(ask())).toEqual([
      { rule: 'other', failed: ['grant', 'subject.profile', 'subject.issuer', 'client'] },
      { rule: 'gateway', failed: [] },
    ])
  })

  it.each([
    ['an unknown member', { ...RULE, extra: 1 }],
    ['no audience', { ...RULE, to: { ...TO, audience: [] } }],
    ['a profile that takes nothing', { ...RULE, subject: { ...SUBJECT, profile: 'saml' } }],
    ['a profile that gives nothing', { ...RULE, to: { ...TO, profile: 'service-account' } }],
    ['an issuer that is not configured', { ...RULE, subject: { ...SUBJECT, issuer: 'other' } }],
    ['nobody in particular', { ...RULE, subject: { profile: 'access-token', issuer: 'login' } }],
    ['somebody in two ways', { ...RULE, subject: { ...SUBJECT, subject: ['alice'] } }],
    ['a prefix that is no identifier', { ...RULE, client: { ...CLIENT, subject: undefined, below: '/a' } }],
    ['a client of client_credentials', { ...RULE, grant: 'client_credentials' }],
    ['nobody as client of token-exchange', { ...RULE, client: 'none' }],
    ['a claim that has a meaning already', { ...RULE, to: { ...TO, claims: ['team', 'req_wl'] } }],
    ['an actor of jwt-bearer', { ...RULE, grant: 'jwt-bearer', subject: GRANT, actor: CLIENT }],
    ['a lifetime of nothing', { ...RULE, to: { ...TO, ttl: 0 } }],
  ])('refuses a rule with %s', async (_, rule) => {
    const error = await expectCode(() => parse(JSON.parse(JSON.stringify(rule))), 'ERR_EXCHANGE_RULES')
    expect(error.message).toMatch(/rule/)
  })

  it('refuses two rules of one name, and a document that is none', async () => {
    await expectCode(() => parse(RULE, RULE), 'ERR_EXCHANGE_RULES')
    await expectCode(() => ExchangeRuleSet.parse([], VOCABULARY), 'ERR_EXCHANGE_RULES')
    await expectCode(() => ExchangeRuleSet.parse({}, VOCABULARY), 'ERR_EXCHANGE_RULES')
  })
})
