import { decodeUnverifiedJws, errorCode, type JsonObject } from '@countersign/protocol'
import { type DpopProofBuilder, parseConfirmation } from '@countersign/protocol/exchange'
import { requireLifetime, unusableAnswer } from './call-token-endpoint.ts'
import { type BroughtTokens, type ExchangeRequest, scopesOf } from './exchange-request.ts'

/** How a token is shown: `N_A` for what is no access token. RFC 6749 section 7.1, RFC 8693 section 2.2.1 */
export type TokenScheme = 'Bearer' | 'DPoP' | 'N_A'

const SCHEMES: readonly TokenScheme[] = ['Bearer', 'DPoP', 'N_A']

/**
 * What a field takes (RFC 9110 section 11.2): the message of an error that a field cannot be set shows the token. What is no access
 * token goes in none; line breaks are in certificates.
 */
const TOKEN_CHARACTERS: Readonly<Record<TokenScheme, RegExp>> = {
  Bearer: /^[A-Za-z0-9._~+/-]+=*$/,
  DPoP: /^[A-Za-z0-9._~+/-]+=*$/,
  N_A: /^[\x20-\x7e\r\n]+$/,
}

/** A token that a token service gave. Printed or written as JSON, it shows all but the token itself. */
export class ExchangedToken {
  readonly #token: string
  readonly #proofs: DpopProofBuilder | undefined
  readonly scheme: TokenScheme
  /** `issued_token_type`, where the service says it. */
  readonly type: string | undefined
  /** What it may do; as asked for, where the service says nothing else. */
  readonly scopes: readonly string[]
  readonly issuedAt: number
  /** The second at which it ends, by this program's clock. */
  readonly expiresAt: number

  /** Use `workload.exchange`. */
  constructor(
    token: string,
    proofs: DpopProofBuilder | undefined,
    content: Pick<ExchangedToken, 'scheme' | 'type' | 'scopes' | 'issuedAt' | 'expiresAt'>,
  ) {
    this.#token = token
    this.#proofs = proofs
    this.scheme = content.scheme
    this.type = content.type
    this.scopes = content.scopes
    this.issuedAt = content.issuedAt
    this.expiresAt = content.expiresAt
  }

  /** The token itself. Whoever has it can show it, and use it unless it is bound to a key. */
  get token(): string {
    return this.#token
  }

  /** Makes the proofs that it is shown with; `undefined` for one that needs none. */
  get proofs(): DpopProofBuilder | undefined {
    return this.#proofs
  }
}

/** What an answer is held against. */
export interface ExpectedToken {
  readonly request: ExchangeRequest
  readonly brought: BroughtTokens
  /** The key that it was asked to be bound to. */
  readonly asked: DpopProofBuilder | undefined
  /** Keys that it may be bound to without being asked: those of the identity that the request was proved by. */
  readonly proven: readonly DpopProofBuilder[]
  readonly now: number
}

/**
 * Reads the answer of a service that granted.
 *
 * @throws SdkError `ERR_SDK_TOKEN_RESPONSE` when it is not what was asked for: another type, bound to another key, or to none
 * @see RFC 6749 section 5.1, RFC 8693 section 2.2.1, RFC 9449 section 5
 */
export function readExchangedToken(answer: JsonObject, expected: ExpectedToken): ExchangedToken {
  const { access_token: token, token_type: scheme, issued_token_type: type, scope } = answer
  if (typeof token !== 'string' || token === '') throw unusableAnswer('its answer holds no token')
  const known = SCHEMES.find((each) => typeof scheme === 'string' && each.toLowerCase() === scheme.toLowerCase())
  if (known === undefined) throw unusableAnswer('its answer holds a token of a type that is not known here')
  if (!TOKEN_CHARACTERS[known].test(token)) throw unusableAnswer('its answer holds what is no token')
  const { request, now } = expected
  if (type !== undefined && typeof type !== 'string') throw unusableAnswer('its answer does not say what it issued')
  if (request.requestedTokenType !== undefined && type !== request.requestedTokenType) {
    throw unusableAnswer('it issued another type of token than it was asked for')
  }
  return new ExchangedToken(token, selectProofs(token, known, expected), {
    scheme: known,
    type,
    scopes: typeof scope === 'string' ? scopesOf(scope) : scopesOf(request.scope),
    issuedAt: now,
    expiresAt: now + requireLifetime(answer),
  })
}

/** The key that the token will have to be shown with. */
function selectProofs(token: string, scheme: TokenScheme, { asked, proven }: ExpectedToken) {
  if (scheme === 'N_A') return undefined
  if (scheme === 'Bearer') {
    // RFC 9449 section 5: a service that does not know DPoP gives a bearer token, which was not what was asked for.
    if (asked !== undefined) throw unusableAnswer('it bound the token to no key')
    return undefined
  }
  const candidates = asked === undefined ? proven : [asked]
  const thumbprint = boundTo(token)
  // An opaque token does not tell; whoever verifies it does.
  const proofs = thumbprint === undefined ? candidates[0] : candidates.find((each) => each.thumbprint === thumbprint)
  if (proofs === undefined) throw unusableAnswer('it bound the token to a key that is not ours')
  return proofs
}

/** `jkt` of a JWT. */
function boundTo(token: string): string | undefined {
  try {
    const confirmation = parseConfirmation(decodeUnverifiedJws(token).payload)
    return confirmation?.kind === 'jkt' ? confirmation.thumbprint : undefined
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}
