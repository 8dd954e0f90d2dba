/** The document of exchange rules: its reference is made from these descriptions. */
import { type Static, Type } from 'typebox'

const Name = (description: string) => Type.String({ minLength: 1, maxLength: 128, description })
const Text = (description: string) => Type.String({ minLength: 1, maxLength: 2048, description })
const Texts = (description: string) => Type.Array(Text('one of them'), { minItems: 1, maxItems: 256, description })

/** Whom a rule means. Everything that is said must hold; lists mean "one of these". */
export const PartyMatcher = Type.Object(
  {
    profile: Name('type of the token that says who it is, as service-account or wit'),
    issuer: Name('name of the configured issuer, or the trust domain, that vouches'),
    subject: Type.Optional(Texts('whole names the issuer gives, compared byte for byte')),
    anySubject: Type.Optional(
      Type.Literal(true, { description: 'whoever the issuer vouches for: for users, of whom nobody has a list' }),
    ),
    below: Type.Optional(Text('a workload identifier: it and all below it; an origin means all of its workloads')),
    claims: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 128 }), Texts('values that the mapped claim may have'), {
        description: 'mapped claims and the values they may have',
      }),
    ),
    audience: Type.Optional(
      Texts("audiences the token may have been issued for; default this service's issuer identifier"),
    ),
    proof: Type.Optional(
      Type.Union([Type.Literal('required'), Type.Literal('checked-by-client')], {
        description:
          'whether a token bound to a key must come with a proof of that key; default required. checked-by-client believes ' +
          'the client that it checked: for gateways',
      }),
    ),
  },
  { description: 'exactly one of subject, below and anySubject must be given' },
)
export type PartyMatcher = Static<typeof PartyMatcher>

export const RuleTarget = Type.Object({
  profile: Name('type of the token to issue, as access-token or wit'),
  audience: Texts('audiences it may be issued for'),
  scopes: Type.Array(Text('one scope'), { maxItems: 256, default: [], description: 'scopes it may have' }),
  subject: Type.Optional(Text('name the subject gets in the new token; default the one it has')),
  claims: Type.Optional(Texts('mapped claims to hand on')),
  details: Type.Optional(
    Texts('members of request_details that become members of tctx, in a transaction token; others refuse the request'),
  ),
  context: Type.Optional(
    Texts('members of request_context that become members of rctx, in a transaction token; others refuse the request'),
  ),
  acting: Type.Union([Type.Literal('delegation'), Type.Literal('impersonation')], {
    default: 'delegation',
    description: 'whether the new token says that the client acts for the subject, or hides it',
  }),
  binding: Type.Union([Type.Literal('required'), Type.Literal('as-presented'), Type.Literal('none')], {
    default: 'as-presented',
    description:
      'required: never a bearer token. as-presented: bound to the key that the request proves, if any; never a bearer token of ' +
      'one that was bound. none: always a bearer token, as a JWT-SVID is',
  }),
  ttl: Type.Integer({ minimum: 1, maximum: 86_400, default: 300, description: 'longest lifetime, in seconds' }),
  maxActors: Type.Integer({ minimum: 1, maximum: 16, default: 8, description: 'longest chain of actors' }),
})
export type RuleTarget = Static<typeof RuleTarget>

export const ExchangeRule = Type.Object({
  name: Name('name in audit and explanations; unique'),
  grant: Type.Union([Type.Literal('client_credentials'), Type.Literal('jwt-bearer'), Type.Literal('token-exchange')], {
    description: 'the grant it is for',
  }),
  subject: PartyMatcher,
  client: Type.Optional(
    Type.Union([PartyMatcher, Type.Literal('subject'), Type.Literal('none')], {
      description:
        'who may ask: somebody, the subject itself, or nobody who authenticates; default subject. For client_credentials ' +
        'it is always the subject',
    }),
  ),
  actor: Type.Optional(
    Type.Union([PartyMatcher, Type.Literal('none')], { description: 'whose actor_token may come; default none' }),
  ),
  to: RuleTarget,
})
export type ExchangeRule = Static<typeof ExchangeRule>

export const ResourceServer = Type.Object({
  client: PartyMatcher,
  audience: Texts('audiences whose tokens are its own'),
})
export type ResourceServer = Static<typeof ResourceServer>

export const ExchangeRules = Type.Object({
  resourceServers: Type.Array(ResourceServer, {
    default: [],
    maxItems: 1024,
    description: 'who may ask whether tokens for which audiences are still good (introspection)',
  }),
  rules: Type.Array(ExchangeRule, {
    maxItems: 4096,
    description: 'the first rule that fits counts; without one nothing is issued',
  }),
})
export type ExchangeRules = Static<typeof ExchangeRules>
