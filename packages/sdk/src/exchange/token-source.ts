import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import type { AuthorizedFetch, SendRequest } from './authorized-fetch.ts'
import { type ExchangeRequest, listOf, scopesOf, validateRequest } from './exchange-request.ts'
import type { ExchangedToken } from './exchanged-token.ts'
import { FetchByOrigin } from './fetch-by-origin.ts'
import { orAborted } from './or-aborted.ts'
import { RefreshingToken } from './refreshing-token.ts'
import type { TokenInput } from './token-input.ts'

/** What may differ from one token of a source to the next. */
export type TokenVariation = Pick<
  ExchangeRequest,
  'audience' | 'resource' | 'scope' | 'subjectToken' | 'actorToken' | 'requestedTokenType'
>

/** What is kept, and where it may go. */
export interface TokenSourceOptions extends Omit<ExchangeRequest, 'signal' | 'assertion'> {
  /** Where the token may be sent, as origins. Default: those of its `audience` and `resource` that are URLs. */
  readonly origins?: string | readonly string[]
  /** What sends requests; default plain `fetch`. With `workload.fetch` they prove who calls as well. */
  readonly fetch?: SendRequest
  /** How many tokens are kept, those used last; default 1000. */
  readonly maxTokens?: number
}

/** What all variations of one source share. */
export interface TokenSourceParts {
  readonly exchange: (request: ExchangeRequest) => Promise<ExchangedToken>
  readonly runtime: WorkloadRuntime
  /** Throws when no token may be given any more, one that is kept neither. */
  readonly requireOpen: () => void
  /** Where all of them may be sent, whatever they are for. */
  readonly origins: string | readonly string[] | undefined
  readonly fetches: FetchByOrigin
  readonly maxTokens: number
  /** Least recently used first. */
  readonly tokens: Map<string, RefreshingToken>
}

const DEFAULT_MAX_TOKENS = 1000

/**
 * @throws SdkError `ERR_SDK_REQUEST` for what no grant can be
 * @throws TypeError for origins that are no https origins, except on this host
 */
export function openTokenSource(
  exchange: TokenSourceParts['exchange'],
  runtime: WorkloadRuntime,
  options: TokenSourceOptions,
  requireOpen: () => void = () => {},
): TokenSource {
  const { origins, fetch = runtime.fetch, maxTokens = DEFAULT_MAX_TOKENS, ...request } = options
  validateRequest(request)
  const parts = {
    exchange,
    runtime,
    requireOpen,
    origins,
    fetches: new FetchByOrigin(runtime, fetch),
    maxTokens,
    tokens: new Map<string, RefreshingToken>(),
  }
  return new TokenSource(parts, request)
}

/** Tokens at hand: cached, renewed before they end, and put on requests to whom they are for. */
export class TokenSource {
  readonly #parts: TokenSourceParts
  readonly #request: ExchangeRequest
  readonly #key: string
  readonly #fetchFor: (input: string | URL | Request) => AuthorizedFetch

  /** Use `workload.tokenSource`. */
  constructor(parts: TokenSourceParts, request: ExchangeRequest) {
    this.#parts = parts
    this.#request = request
    this.#key = keyOf(request)
    this.#fetchFor = parts.fetches.to(parts.origins === undefined ? originsOf(request) : listOf(parts.origins))
  }

  /**
   * The same source for another subject, audience or scope: `source.for({ subjectToken })` acts for one user. All share one
   * cache. A token for another audience goes there instead, unless `origins` says where all go.
   *
   * @throws SdkError, TypeError as `workload.tokenSource`
   */
  for(variation: TokenVariation): TokenSource {
    const request = { ...this.#request, ...variation }
    validateRequest(request)
    return new TokenSource(this.#parts, request)
  }

  /**
   * The token as of now; see `RefreshingToken.current`.
   *
   * @param signal gives up waiting. Others who wait for the same token go on
   * @throws as `workload.exchange`, when the workload is closed also for a token that is kept; the reason of the signal
   */
  async token(signal?: AbortSignal): Promise<ExchangedToken> {
    signal?.throwIfAborted()
    this.#parts.requireOpen()
    return orAborted(this.#entry().current(), signal)
  }

  /**
   * The request with its token, and with a proof for it alone where the token is bound to a key. It follows no redirects.
   *
   * @throws SdkError `ERR_SDK_REQUEST` for an origin that the source is not for; and as {@link token}
   */
  async authorize(input: string | URL | Request, init: RequestInit = {}): Promise<Request> {
    return this.#fetchFor(input).authorize(input, init, () => this.token(init.signal ?? undefined))
  }

  /**
   * `fetch` with the token. One that is refused as invalid is not used again; a nonce that the service asks for is added, once.
   *
   * @throws SdkError as {@link authorize}; and as the `fetch` that sends
   */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const token = () => this.token(init.signal ?? undefined)
    return this.#fetchFor(input).send(input, init, token, (refused) => this.#entry().discard(refused))
  }

  #entry(): RefreshingToken {
    const { tokens, exchange, runtime, maxTokens } = this.#parts
    const entry = tokens.get(this.#key) ?? new RefreshingToken(() => exchange(this.#request), runtime)
    tokens.delete(this.#key)
    tokens.set(this.#key, entry)
    for (const oldest of tokens.keys()) {
      if (tokens.size <= maxTokens) break
      tokens.delete(oldest)
    }
    return entry
  }
}

/** Tokens that are brought are in it by their hash: a key is looked at more easily than what it leads to. */
function keyOf(request: ExchangeRequest): string {
  const { audience, resource, scope, subjectToken, actorToken, requestedTokenType = '' } = request
  return JSON.stringify([
    listOf(audience),
    listOf(resource),
    [...scopesOf(scope)].sort(),
    nameOf(subjectToken),
    nameOf(actorToken),
    requestedTokenType,
  ])
}

function nameOf(input: TokenInput | undefined): readonly string[] {
  if (input === undefined || input === 'wit') return [input ?? '']
  return 'file' in input ? ['file', input.type, input.file] : [input.type, nodeCrypto.sha256Base64url(input.token)]
}

function originsOf({ audience, resource }: ExchangeRequest): readonly string[] {
  return [...listOf(audience), ...listOf(resource)].filter(isUrl).map((url) => new URL(url).origin)
}

function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name)
}
