import { decodeUtf8, errorCode, type JsonObject, parseJsonObject } from '@countersign/protocol'
import { readWebBody } from '../presentation/read-web-body.ts'
import { SdkError } from '../sdk-error.ts'
import type { WorkloadRuntime } from '../workload-runtime.ts'
import { TokenRefusedError } from './token-refused-error.ts'
import { withTimeout } from './with-timeout.ts'

/** One request to a token endpoint. */
export interface TokenEndpointCall {
  readonly runtime: Pick<WorkloadRuntime, 'schedule'>
  /** Sends it, with whatever proves who asks. Must follow no redirects. */
  readonly send: (url: string, init: RequestInit) => Promise<Response>
  readonly tokenEndpoint: string
  readonly form: URLSearchParams
  readonly headers?: Readonly<Record<string, string>>
  /** Gives up. */
  readonly signal?: AbortSignal | undefined
}

export interface TokenEndpointAnswer {
  readonly status: number
  /** `undefined` when it is no JSON object, or too large. */
  readonly body: JsonObject | undefined
  readonly headers: Headers
}

const MAX_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000

/**
 * Asks, and reads what came, whatever it says.
 *
 * @throws SdkError `ERR_SDK_TOKEN_SERVICE` when nothing answers in time; as `send` where that is ours
 * @throws the reason of `signal`
 */
export async function callTokenEndpoint(call: TokenEndpointCall): Promise<TokenEndpointAnswer> {
  const { runtime, send, tokenEndpoint, form, headers, signal } = call
  try {
    return await withTimeout(
      runtime,
      TIMEOUT_MS,
      async (either) => {
        const response = await send(tokenEndpoint, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', ...headers },
          body: form.toString(),
          redirect: 'manual',
          signal: either,
        })
        const body = await readWebBody(response.body, MAX_BYTES)
        return { status: response.status, body: parseAnswer(body), headers: response.headers }
      },
      signal,
    )
  } catch (cause) {
    signal?.throwIfAborted()
    if (errorCode(cause) !== undefined) throw cause
    throw new SdkError('ERR_SDK_TOKEN_SERVICE', 'the token service cannot be reached', { detail: tokenEndpoint, cause })
  }
}

/** The members of an answer that grants. @throws TokenRefusedError */
export function requireGranted({ status, body }: TokenEndpointAnswer): JsonObject {
  if (status === 200) return body ?? {}
  const { error, error_description: description } = body ?? {}
  const code = typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? error : undefined
  throw new TokenRefusedError(status, code, typeof description === 'string' ? description : undefined)
}

/** `expires_in`: RFC 6749 only recommends it, but what ends at an unknown time cannot be kept. */
export function requireLifetime(answer: JsonObject): number {
  const seconds = answer['expires_in']
  if (typeof seconds === 'number' && seconds > 0) return Math.floor(seconds)
  throw unusableAnswer('its answer does not say how long the token lives')
}

export function unusableAnswer(reason: string): SdkError {
  return new SdkError('ERR_SDK_TOKEN_RESPONSE', `the token service cannot be understood: ${reason}`)
}

function parseAnswer(body: Uint8Array | undefined): JsonObject | undefined {
  if (body === undefined) return undefined
  try {
    return parseJsonObject(decodeUtf8(body))
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}
