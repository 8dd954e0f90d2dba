import { isRepeatable, type OutgoingRequest, readOutgoingRequest } from '../presentation/outgoing-request.ts'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { readNonce } from './dpop-nonce-field.ts'
import type { ExchangedToken } from './exchanged-token.ts'
import { isServiceUrl } from './service-url.ts'

export type SendRequest = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Fields that only this may set: with another's token, the proof would be for the wrong one. */
const OWN_FIELDS = ['authorization', 'dpop']

/**
 * Puts access tokens on requests, to the origins that they are for and no others. Redirects are not followed: the token is
 * nobody else's business, and its proof is for the address asked.
 *
 * @see RFC 6750 sections 2.1 and 5.3; RFC 9449 sections 7 and 9
 */
export class AuthorizedFetch {
  readonly #runtime: Pick<WorkloadRuntime, 'now'>
  readonly #send: SendRequest
  readonly #origins: ReadonlySet<string>
  /** As each origin last gave it. */
  readonly #nonces = new Map<string, string>()

  /** @throws TypeError for an origin that is not https, except on this host, or has a path, query, fragment or user */
  constructor(runtime: Pick<WorkloadRuntime, 'now'>, send: SendRequest, origins: readonly string[]) {
    this.#runtime = runtime
    this.#send = send
    this.#origins = new Set(origins.map(requireOrigin))
  }

  /** @throws SdkError `ERR_SDK_REQUEST`; and what `tokenOf` throws */
  async authorize(
    input: string | URL | Request,
    init: RequestInit,
    tokenOf: () => Promise<ExchangedToken>,
  ): Promise<Request> {
    const outgoing = this.#read(input, init)
    const headers = await this.#addToken(outgoing, await tokenOf())
    const half = outgoing.init.body instanceof ReadableStream ? ({ duplex: 'half' } as const) : {}
    return new Request(outgoing.input, { ...outgoing.init, ...half, headers })
  }

  /**
   * @param onRefused told of a token that the service calls invalid
   * @throws SdkError as {@link authorize}; and as what sends
   */
  async send(
    input: string | URL | Request,
    init: RequestInit,
    tokenOf: () => Promise<ExchangedToken>,
    onRefused: (token: ExchangedToken) => void,
  ): Promise<Response> {
    const outgoing = this.#read(input, init)
    const token = await tokenOf()
    const { origin } = outgoing.url
    const before = this.#nonces.get(origin)
    const response = await this.#sendOnce(outgoing, token)
    const error = response.status === 401 ? oauthError(response.headers) : undefined
    if (error === 'invalid_token') onRefused(token)
    if (error !== 'use_dpop_nonce' || token.proofs === undefined) return response
    // Refused, and none given in its place: against RFC 9449 section 9, and without an end if it were kept.
    const isRefused = before !== undefined && readNonce(response.headers) === undefined
    if (isRefused && this.#nonces.get(origin) === before) this.#nonces.delete(origin)
    if (this.#nonces.get(origin) === before || !isRepeatable(outgoing)) return response
    await response.body?.cancel()
    return this.#sendOnce(outgoing, token)
  }

  #read(input: string | URL | Request, init: RequestInit): OutgoingRequest {
    const outgoing = readOutgoingRequest(input, init)
    // Before a token is asked for: what is sent elsewhere must not even cost one.
    if (!this.#origins.has(outgoing.url.origin)) {
      throw new SdkError('ERR_SDK_REQUEST', 'the token is not for this origin: name it in `origins`, if it is', {
        detail: outgoing.url.origin,
      })
    }
    for (const name of OWN_FIELDS) {
      if (outgoing.headers.has(name)) throw new SdkError('ERR_SDK_REQUEST', `field "${name}" is set with the token`)
    }
    return outgoing
  }

  async #sendOnce(outgoing: OutgoingRequest, token: ExchangedToken): Promise<Response> {
    const headers = await this.#addToken(outgoing, token)
    const response = await this.#send(outgoing.input, { ...outgoing.init, headers })
    const nonce = readNonce(response.headers)
    if (nonce !== undefined) this.#nonces.set(outgoing.url.origin, nonce)
    return response
  }

  async #addToken(outgoing: OutgoingRequest, { token, scheme, proofs }: ExchangedToken): Promise<Headers> {
    if (scheme === 'N_A') throw new SdkError('ERR_SDK_REQUEST', 'this token is no access token: nobody takes it as one')
    const headers = new Headers(outgoing.headers)
    headers.set('authorization', `${scheme} ${token}`)
    if (proofs === undefined) return headers
    const { url, input, init } = outgoing
    const nonce = this.#nonces.get(url.origin)
    const proof = await proofs.build({
      // In the spelling that `fetch` sends.
      method: new Request(url, { method: init.method ?? (input instanceof Request ? input.method : 'GET') }).method,
      url: url.href,
      now: this.#runtime.now(),
      accessToken: token,
      ...(nonce === undefined ? {} : { nonce }),
    })
    headers.set('dpop', proof)
    return headers
  }
}

function requireOrigin(text: string): string {
  if (!isServiceUrl(text)) throw new TypeError('tokens are sent by https alone')
  const { origin, pathname, search, hash, username, password } = new URL(text)
  // Taken for its origin, it would send tokens to more than it names.
  if (`${pathname}${search}${hash}${username}${password}` !== '/') {
    throw new TypeError('an origin is scheme, host and port: tokens go to all that is served there')
  }
  return origin
}

/** `error` of the challenge. RFC 6750 section 3 */
function oauthError(headers: Headers): string | undefined {
  return /(?:^|[\s,])error="([a-z_]{1,64})"/.exec(headers.get('www-authenticate') ?? '')?.[1]
}
