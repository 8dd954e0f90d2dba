import type { SigningKey } from '@countersign/protocol'
import { GRANT_TYPES } from '@countersign/protocol/exchange'
import { SdkError } from '../sdk-error.ts'
import type { ClientAuthentication } from './client-authentication.ts'
import type { TokenInput, TypedToken } from './token-input.ts'

/**
 * The key that a token is to be bound to, so that it is of no use to whoever finds it:
 *
 * - `dpop`: a key of this process, by a DPoP proof.
 * - `wit`: the key of the identity token, by a DPoP proof.
 * - a key of the caller's, by a DPoP proof.
 * - `none`: none is asked for. A service that knows the client by its WIT may still bind the token to that.
 *
 * @see RFC 9449 section 5
 */
export type TokenBinding = 'dpop' | 'wit' | 'none' | { readonly key: SigningKey }

/** What a token is asked for, and from whom. */
export interface ExchangeRequest {
  /** Issuer identifier of the token service. Its metadata say where it is asked (RFC 8414). */
  readonly issuer: string
  /** Where to ask, for a service without metadata. */
  readonly tokenEndpoint?: string
  /** Names of whom the token is for. */
  readonly audience?: string | readonly string[]
  /** The same as URLs (RFC 8707). */
  readonly resource?: string | readonly string[]
  readonly scope?: string | readonly string[]
  /** On whose behalf, by token exchange (RFC 8693). Without it, and without `assertion`, the program asks for itself. */
  readonly subjectToken?: TokenInput
  /** Who acts, where that is not the client. */
  readonly actorToken?: TokenInput
  /** What is asked for by token exchange; default an access token, as the service sees fit. */
  readonly requestedTokenType?: string
  /** Another domain's authorization grant (RFC 7523 section 2.1). */
  readonly assertion?: Exclude<TokenInput, 'wit'>
  /** Default `wit`. */
  readonly authentication?: ClientAuthentication
  /** Default: the key of the WIT where that authenticates, else `dpop` where the service says that it knows it. */
  readonly binding?: TokenBinding
  /** Gives up. */
  readonly signal?: AbortSignal
}

/** The tokens that a request brings. */
export interface BroughtTokens {
  readonly subject: TypedToken | undefined
  readonly actor: TypedToken | undefined
  readonly assertion: TypedToken | undefined
}

/** @throws SdkError `ERR_SDK_REQUEST` for what no grant can be */
export function validateRequest({ subjectToken, actorToken, assertion, requestedTokenType }: ExchangeRequest): void {
  if (assertion !== undefined && subjectToken !== undefined) {
    throw new SdkError('ERR_SDK_REQUEST', '`assertion` and `subjectToken` are of two different grants')
  }
  if (subjectToken !== undefined) return
  if (actorToken !== undefined || requestedTokenType !== undefined) {
    throw new SdkError('ERR_SDK_REQUEST', '`actorToken` and `requestedTokenType` need a `subjectToken`')
  }
}

/** RFC 6749 section 4.4.2, RFC 7523 section 2.1, RFC 8693 section 2.1. */
export function formOf(request: ExchangeRequest, { subject, actor, assertion }: BroughtTokens): URLSearchParams {
  const form = new URLSearchParams()
  if (subject !== undefined) {
    form.set('grant_type', GRANT_TYPES.tokenExchange)
    form.set('subject_token', subject.token)
    form.set('subject_token_type', subject.type)
    if (actor !== undefined) {
      form.set('actor_token', actor.token)
      form.set('actor_token_type', actor.type)
    }
    if (request.requestedTokenType !== undefined) form.set('requested_token_type', request.requestedTokenType)
  } else if (assertion !== undefined) {
    form.set('grant_type', GRANT_TYPES.jwtBearer)
    form.set('assertion', assertion.token)
  } else {
    form.set('grant_type', GRANT_TYPES.clientCredentials)
  }
  for (const name of ['audience', 'resource'] as const) {
    for (const value of listOf(request[name])) form.append(name, value)
  }
  const scopes = scopesOf(request.scope)
  if (scopes.length > 0) form.set('scope', scopes.join(' '))
  return form
}

export function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

/** One text may hold several. RFC 6749 section 3.3 */
export function scopesOf(value: string | readonly string[] | undefined): readonly string[] {
  return listOf(value).flatMap((text) => text.split(' ').filter((scope) => scope !== ''))
}
