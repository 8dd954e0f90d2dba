import {
  type AcceptedSignature,
  type HttpRequest,
  HttpSignatureVerifier,
  InProcessReplayMemory,
  SignatureError,
  type TrustStore,
  WitVerifier,
} from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import type { HeldIdentity } from '../identity/held-identity.ts'
import { SdkError } from '../sdk-error.ts'
import { isExpected } from '../tls/expected-peer.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { type OutgoingRequest, readWholeRequest } from './outgoing-request.ts'
import { readWebBody } from './read-web-body.ts'
import { noteResponder } from './responder.ts'
import type { Target } from './target.ts'

type Fetch = WorkloadRuntime['fetch']

/** Sends signed requests, and verifies the responses to them. */
export class SignedFetch {
  readonly #verifier: HttpSignatureVerifier
  readonly #maxBodyBytes: number

  constructor(trust: TrustStore, maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes
    this.#verifier = new HttpSignatureVerifier({
      crypto: nodeCrypto,
      wit: new WitVerifier({ trust, crypto: nodeCrypto, profile: 'wit-svid' }),
      audience: undefined,
      // A response is bound to the nonce of its one request; this is for two answers to that.
      replayMemory: new InProcessReplayMemory({ capacity: 100_000, senderShare: 1 }),
    })
  }

  /**
   * @throws SdkError `ERR_SDK_REQUEST` when the request cannot be signed
   * @throws SdkError `ERR_SDK_RESPONSE` when the response came in a form whose signature cannot be checked
   * @throws SignatureError, CredentialError when the response is not what it must be; nothing of it may be used
   */
  async send(
    identity: HeldIdentity,
    runtime: Pick<WorkloadRuntime, 'now'>,
    fetch: Fetch,
    outgoing: OutgoingRequest,
    target: Target,
    asked?: AcceptedSignature,
  ): Promise<Response> {
    const { request, body } = await readWholeRequest(outgoing, this.#maxBodyBytes)
    const { url } = outgoing
    const headers = new Headers(request.headers)
    // What was signed is the content as transferred; fetch would undo a coding before anyone can check.
    headers.set('accept-encoding', 'identity')
    const unsigned: HttpRequest = {
      method: request.method,
      target: url.pathname + url.search,
      rawHeaders: [...headers].flat(),
      body,
      scheme: url.protocol.slice(0, -1),
      authority: url.host,
    }
    const { rawHeaders } = await identity.signatures.signRequest(unsigned, {
      now: runtime.now(),
      audience: target.audience ?? url.origin + url.pathname,
      signResponse: target.signResponse,
      ...(asked === undefined ? {} : { components: asked.components, label: asked.label }),
    })
    for (let index = 0; index < rawHeaders.length; index += 2) {
      headers.append(rawHeaders[index] as string, rawHeaders[index + 1] as string)
    }
    const sent: HttpRequest = { ...unsigned, rawHeaders: [...unsigned.rawHeaders, ...rawHeaders] }
    const { redirect } = outgoing.init
    const response = await fetch(url, {
      ...outgoing.init,
      method: request.method,
      headers,
      ...(redirect === undefined ? {} : { redirect }),
      signal: request.signal,
      body: body.length === 0 ? null : new Uint8Array(body),
    })
    return this.#verified(response, sent, target, runtime.now())
  }

  async #verified(response: Response, request: HttpRequest, target: Target, now: number): Promise<Response> {
    const isSigned = response.headers.has('signature') || response.headers.has('signature-input')
    // Left a stream: nobody said that it would be signed, and it is not.
    if (!isSigned && !target.signResponse) return response
    if (!isSigned) throw unsigned(response.status, await problemCode(response))
    const coding = response.headers.get('content-encoding')
    if (coding !== null && coding !== 'identity') {
      await response.body?.cancel()
      throw new SdkError('ERR_SDK_RESPONSE', 'a signed response came with a content coding that was not asked for')
    }
    const body = await readWebBody(response.body, this.#maxBodyBytes)
    if (body === undefined) {
      throw new SdkError(
        'ERR_SDK_RESPONSE',
        `signed content is larger than the ${this.#maxBodyBytes} bytes that are held`,
      )
    }
    const { status, statusText, headers } = response
    const verified = await this.#verifier.verifyResponse(
      { status, rawHeaders: [...headers].flat(), body },
      { request, expectedPeer: undefined, required: true, now },
    )
    const { peer } = target
    if (verified === undefined || (peer !== undefined && !isExpected(peer, verified.subject))) {
      throw new SignatureError('ERR_SIGNATURE_PEER', 'response comes from another workload than was called', {
        ...(verified === undefined ? {} : { detail: verified.subject.toString() }),
      })
    }
    const whole = new Response(mayHaveBody(status) ? new Uint8Array(body) : null, { status, statusText, headers })
    Object.defineProperty(whole, 'url', { value: response.url })
    noteResponder(whole, verified.subject)
    return whole
  }
}

function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304
}

/** A refusal that could not be signed is no answer either, but its reason helps whoever reads the log. */
function unsigned(status: number, code: string | undefined): SignatureError {
  return new SignatureError('ERR_SIGNATURE_MISSING', 'response had to be signed, and is not', {
    detail: code === undefined ? `status ${status}` : `status ${status}, ${code}`,
  })
}

const MAX_PROBLEM_BYTES = 16_384

/** The code in a problem document; unauthenticated, so only if it looks like one. */
export async function problemCode(response: Response): Promise<string | undefined> {
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true) {
    await response.body?.cancel()
    return undefined
  }
  const body = await readWebBody(response.body, MAX_PROBLEM_BYTES)
  if (body === undefined) return undefined
  try {
    const { code } = JSON.parse(new TextDecoder().decode(body)) as { code?: unknown }
    return typeof code === 'string' && /^ERR_[A-Z_]{1,60}$/.test(code) ? code : undefined
  } catch {
    return undefined
  }
}
