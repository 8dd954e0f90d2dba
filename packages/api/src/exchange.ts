/** What an operator asks of the rules of the token service, without any token. */
import { type Static, Type } from 'typebox'

const Name = Type.String({ minLength: 1, maxLength: 2048 })
const Names = Type.Array(Name, { maxItems: 64 })

/** A party as a verified token would describe it. */
export const ExplainedParty = Type.Object(
  {
    profile: Name,
    /** Name of a configured issuer, or a trust domain. */
    issuer: Name,
    subject: Name,
    claims: Type.Optional(Type.Record(Type.String(), Names)),
    /** What its token may be used for; left out for tokens that do not say. */
    scopes: Type.Optional(Names),
    /** Default: this service. */
    audience: Type.Optional(Names),
  },
  { additionalProperties: false },
)
export type ExplainedParty = Static<typeof ExplainedParty>

/** `POST /v1/exchange/explain`. */
export const ExplainExchange = Type.Object(
  {
    grant: Type.Union([Type.Literal('client_credentials'), Type.Literal('jwt-bearer'), Type.Literal('token-exchange')]),
    subject: ExplainedParty,
    /** Default: the subject. */
    client: Type.Optional(ExplainedParty),
    actor: Type.Optional(ExplainedParty),
    /** Profile of the token that is asked for. Default: what is meant by a request that names no type. */
    requested: Type.Optional(Name),
    audience: Type.Optional(Names),
    scopes: Type.Optional(Names),
  },
  { additionalProperties: false },
)
export type ExplainExchange = Static<typeof ExplainExchange>

export const RuleFinding = Type.Object({
  rule: Type.String(),
  /** Members of the rule that do not hold, by their path; empty for one that allows it. */
  failed: Type.Array(Type.String()),
})
export type RuleFinding = Static<typeof RuleFinding>

export const ExchangeExplanation = Type.Object({
  allowed: Type.Boolean(),
  /** Profile of the token that is asked for, named or not. */
  requested: Type.String(),
  /** The rule that decides. */
  rule: Type.Optional(Type.String()),
  /** The OAuth error that a client would see. */
  error: Type.Optional(Type.String()),
  /** Of the token that would be issued, in seconds; tokens that end sooner make it shorter. */
  ttl: Type.Optional(Type.Integer()),
  /** In the order of the document. */
  findings: Type.Array(RuleFinding),
})
export type ExchangeExplanation = Static<typeof ExchangeExplanation>
