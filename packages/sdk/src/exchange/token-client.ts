import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import type { HeldIdentity } from '../identity/held-identity.ts'
import { SdkError } from '../sdk-error.ts'
import { callTokenEndpoint, requireGranted, type TokenEndpointAnswer } from './call-token-endpoint.ts'
import { authenticateForm } from './client-authentication.ts'
import { readNonce } from './dpop-nonce-field.ts'
import { type BroughtTokens, type ExchangeRequest, formOf, validateRequest } from './exchange-request.ts'
import { type ExchangedToken, readExchangedToken } from './exchanged-token.ts'
import { orAborted } from './or-aborted.ts'
import { PublishedMetadata } from './service-metadata.ts'
import { requireServiceUrl } from './service-url.ts'
import { readTokenInput } from './token-input.ts'
import type { TokenRequester } from './token-requester.ts'
import { openTokenSource, type TokenSource, type TokenSourceOptions } from './token-source.ts'

/** A program asks few services; whoever lets others name them must not fill the memory. */
const MAX_ISSUERS = 100

/** Asks token services for tokens, by what a program has to show. */
export class TokenClient {
  readonly #requester: TokenRequester
  readonly #metadata = new Map<string, PublishedMetadata>()
  /** As each issuer last gave it. */
  readonly #nonces = new Map<string, string>()
  #ownKey: DpopProofBuilder | undefined

  /** Use `workload.exchange`; or, where there is no agent, `new TokenClient(withoutAgent())`. */
  constructor(requester: TokenRequester) {
    this.#requester = requester
  }

  /**
   * Asks for one token: for this program itself, on behalf of somebody (`subjectToken`), or for another domain's grant
   * (`assertion`).
   *
   * @throws TokenRefusedError `ERR_SDK_TOKEN_REFUSED` with the OAuth `error`
   * @throws SdkError `ERR_SDK_REQUEST`, `ERR_SDK_METADATA`, `ERR_SDK_TOKEN_SERVICE`, `ERR_SDK_TOKEN_RESPONSE`,
   *   `ERR_SDK_TOKEN_FILE`; and as `Workload.identity`
   * @throws TypeError for an issuer that is not https and not on this host
   */
  readonly exchange = async (request: ExchangeRequest): Promise<ExchangedToken> => {
    validateRequest(request)
    const { issuer } = request
    const nonce = this.#nonces.get(issuer)
    const first = await this.#ask(request, nonce)
    // RFC 9449 section 8. Once: a service that asks again for what it just gave would have us ask forever.
    const isNonceAsked = first.answer.body?.['error'] === 'use_dpop_nonce' && first.asked !== undefined
    // Refused, and none given in its place: the service would refuse it for ever.
    const isRefused = isNonceAsked && nonce !== undefined && readNonce(first.answer.headers) === undefined
    if (isRefused && this.#nonces.get(issuer) === nonce) this.#nonces.delete(issuer)
    const next = this.#nonces.get(issuer)
    const { answer, ...sent } = isNonceAsked && next !== nonce ? await this.#ask(request, next) : first
    return readExchangedToken(requireGranted(answer), { request, ...sent, now: this.#requester.runtime.now() })
  }

  /**
   * Keeps a token at hand: asked for when it is first needed, once for all who ask, and again before it ends.
   *
   * @param requireOpen throws when the source is to give no token any more
   * @throws SdkError `ERR_SDK_REQUEST`, TypeError as `openTokenSource`
   */
  readonly tokenSource = (options: TokenSourceOptions, requireOpen?: () => void): TokenSource =>
    openTokenSource(this.exchange, this.#requester.runtime, options, requireOpen)

  async #ask(request: ExchangeRequest, nonce: string | undefined) {
    const { issuer, authentication = 'wit', signal } = request
    const { runtime } = this.#requester
    const tokenEndpoint = await this.#endpointOf(request)
    const asked = await this.#bindingOf(request)
    // Read for each request: tokens in files are replaced, and an assertion may be good once.
    const brought = await this.#readTokens(request)
    const { parameters, provesWit } = await authenticateForm(authentication, issuer, this.#requester)
    const form = formOf(request, brought)
    for (const [name, value] of Object.entries(parameters)) form.set(name, value)
    const before = provesWit ? this.#requester.identity : undefined
    const answer = await callTokenEndpoint({
      runtime,
      send: provesWit ? this.#sendWithWit : (url, init) => runtime.fetch(url, init),
      tokenEndpoint,
      form,
      headers: asked === undefined ? {} : { dpop: await this.#prove(asked, tokenEndpoint, nonce) },
      signal,
    })
    this.#noteNonce(issuer, answer)
    return { answer, asked, brought, proven: provesWit ? this.#proven(before) : [] }
  }

  readonly #sendWithWit = (url: string, init: RequestInit) =>
    this.#requester.fetch(url, { ...init, transaction: 'withhold' })

  #prove(proofs: DpopProofBuilder, url: string, nonce: string | undefined) {
    const now = this.#requester.runtime.now()
    return proofs.build({ method: 'POST', url, now, ...(nonce === undefined ? {} : { nonce }) })
  }

  /** The identity may have been renewed just when the request was proved. */
  #proven(before: HeldIdentity | undefined): readonly DpopProofBuilder[] {
    const after = this.#requester.identity
    return before === undefined || before === after ? [after.dpop] : [before.dpop, after.dpop]
  }

  async #endpointOf({ issuer, tokenEndpoint, signal }: ExchangeRequest): Promise<string> {
    if (tokenEndpoint !== undefined) return requireServiceUrl(tokenEndpoint)
    const found = (await orAborted(this.#metadataOf(issuer).current(), signal)).tokenEndpoint
    if (found !== undefined) return found
    throw new SdkError('ERR_SDK_METADATA', 'the metadata of the token service name no token endpoint', {
      detail: issuer,
    })
  }

  async #bindingOf({ issuer, tokenEndpoint, binding, authentication = 'wit' }: ExchangeRequest) {
    if (binding === 'none') return undefined
    if (binding === 'dpop') return this.#processKey()
    if (binding === 'wit') return this.#requester.identity.dpop
    if (binding !== undefined) return new DpopProofBuilder(binding.key, nodeCrypto)
    if (authentication === 'wit' || tokenEndpoint !== undefined) return undefined
    const { takesDpop } = await this.#metadataOf(issuer).current()
    return takesDpop ? this.#processKey() : undefined
  }

  async #readTokens({ subjectToken, actorToken, assertion }: ExchangeRequest): Promise<BroughtTokens> {
    const identity = () => this.#requester.identity
    const read = async (input: typeof subjectToken) => (input === undefined ? input : readTokenInput(input, identity))
    return { subject: await read(subjectToken), actor: await read(actorToken), assertion: await read(assertion) }
  }

  #metadataOf(issuer: string): PublishedMetadata {
    const known = this.#metadata.get(issuer)
    if (known !== undefined) return known
    const metadata = new PublishedMetadata(issuer, this.#requester.runtime)
    if (this.#metadata.size >= MAX_ISSUERS) this.#metadata.clear()
    this.#metadata.set(issuer, metadata)
    return metadata
  }

  #noteNonce(issuer: string, { headers }: TokenEndpointAnswer): void {
    const nonce = readNonce(headers)
    if (nonce === undefined) return
    if (this.#nonces.size >= MAX_ISSUERS) this.#nonces.clear()
    this.#nonces.set(issuer, nonce)
  }

  #processKey(): DpopProofBuilder {
    this.#ownKey ??= new DpopProofBuilder(generateSigningKey('ES256'), nodeCrypto)
    return this.#ownKey
  }
}
