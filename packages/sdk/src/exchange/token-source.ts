import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { AuthorizedFetch, type SendRequest } from './authorized-fetch.ts'
import { type ExchangeRequest, listOf, scopesOf, validateRequest } from './exchange-request.ts'
import type { ExchangedToken } from './exchanged-token.ts'
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
  /** Where the token may be sent, as origins. Default: those of `audience` and `resource` that are URLs. */
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
  readonly fetch: AuthorizedFetch
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
): TokenSource {
  const { origins, fetch = runtime.fetch, maxTokens = DEFAULT_MAX_TOKENS, ...request } = options
  validateRequest(request)
  const names =
    origins ??
    [...listOf(request.audience), ...listOf(request.resource)].filter(isUrl).map((url) => new URL(url).origin)
  const parts = {
    exchange,
    runtime,
    fetch: new AuthorizedFetch(runtime, fetch, listOf(names)),
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

  /** Use `workload.tokenSource`. */
  constructor(parts: TokenSourceParts, request: ExchangeRequest) {
    this.#parts = parts
    this.#request = request
    this.#key = keyOf(request)
  }

  /**
   * The same source for another subject, audience or scope: `source.for({ subjectToken })` acts for one user. All share one
   * cache, and where tokens may be sent stays as it is.
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
   * @throws as `workload.exchange`; the reason of the signal
   */
  async token(signal?: AbortSignal): Promise<ExchangedToken> {
    signal?.throwIfAborted()
    return orAborted(this.#entry().current(), signal)
  }

  /**
   * The request with its token, and with a proof for it alone where the token is bound to a key. It follows no redirects.
   *
   * @throws SdkError `ERR_SDK_REQUEST` for an origin that the source is not for; and as {@link token}
   */
  async authorize(input: string | URL | Request, init: RequestInit = {}): Promise<Request> {
    return this.#parts.fetch.authorize(input, init, () => this.token(init.signal ?? undefined))
  }

  /**
   * `fetch` with the token. One that is refused as invalid is not used again; a nonce that the service asks for is added, once.
   *
   * @throws SdkError as {@link authorize}; and as the `fetch` that sends
   */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const token = () => this.token(init.signal ?? undefined)
    return this.#parts.fetch.send(input, init, token, (refused) => this.#entry().discard(refused))
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

function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name)
}
