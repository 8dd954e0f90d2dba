import { accessTokenOf } from '@countersign/protocol'
import { SdkError } from '../sdk-error.ts'
import { readWebBody } from './read-web-body.ts'

/** Fields that only `workload.fetch` may set. */
const OWN_FIELDS = ['workload-identity-token', 'workload-proof-token']
const OWN_SIGNED_FIELDS = [...OWN_FIELDS, 'signature', 'signature-input', 'content-digest']

/** Whatever `fetch` was given, with fields of its own to add to. The content is not read yet. */
export interface OutgoingRequest {
  readonly url: URL
  /** A Request as it was given, or `url`. */
  readonly input: URL | Request
  readonly init: RequestInit
  readonly headers: Headers
}

/** @throws SdkError `ERR_SDK_REQUEST` when it asks for redirects or sets a field of ours */
export function readOutgoingRequest(input: string | URL | Request, init: RequestInit): OutgoingRequest {
  const url = new URL(input instanceof Request ? input.url : input)
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  rejectFields(headers, OWN_FIELDS)
  // A URL belongs to the caller, who may change it: what is sent is what was read.
  return {
    url,
    input: input instanceof Request ? input : url,
    init: { ...init, redirect: redirectMode(input, init) },
    headers,
  }
}

/** Content that is all there, as often as it is sent. */
const WHOLE_CONTENT = [URLSearchParams, FormData, Blob, ArrayBuffer] as const

/**
 * Whether it can be sent again. A stream was used up by the first try, and with it a Request that holds one; so was whatever
 * else `fetch` reads piece by piece, and a generator that has ended would go out again as no content at all.
 */
export function isRepeatable({ input, init: { body } }: OutgoingRequest): boolean {
  if (input instanceof Request) return false
  if (body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body)) return true
  return WHOLE_CONTENT.some((kind) => body instanceof kind)
}

/**
 * Reads the content, so that it can be hashed and sent again.
 *
 * @throws SdkError `ERR_SDK_REQUEST` when it is too large, or the request sets a field that signing sets
 */
export async function readWholeRequest(
  { input, init, headers }: OutgoingRequest,
  maxBytes: number,
): Promise<{ readonly request: Request; readonly body: Uint8Array }> {
  rejectFields(headers, OWN_SIGNED_FIELDS)
  const half = init.body instanceof ReadableStream ? ({ duplex: 'half' } as const) : {}
  // Also adds the content type that goes with the content, boundary included.
  const request = new Request(input, { ...init, ...half, headers })
  const body = await readWebBody(request.body, maxBytes)
  if (body === undefined) {
    throw new SdkError('ERR_SDK_REQUEST', `content is larger than the ${maxBytes} bytes that are held to be signed`)
  }
  return { request, body }
}

/** The tokens in a request, for a proof to bind. @throws RequestError `ERR_REQUEST_AUTHORIZATION` */
export function boundTokens(headers: Headers, otherFields: readonly string[]) {
  const authorization = headers.get('authorization')
  const accessToken = authorization === null ? undefined : accessTokenOf(authorization)
  const txnToken = headers.get('txn-token')
  const others = otherFields.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return {
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(txnToken === null ? {} : { txnToken }),
    ...(others.length === 0 ? {} : { otherTokens: Object.fromEntries(others) }),
  }
}

function rejectFields(headers: Headers, names: readonly string[]): void {
  for (const name of names) {
    if (headers.has(name)) throw new SdkError('ERR_SDK_REQUEST', `field "${name}" is set by workload.fetch alone`)
  }
}

/** A redirect followed would hand token and proof to whatever address the answer names. */
function redirectMode(input: string | URL | Request, init: RequestInit): 'manual' | 'error' {
  if (init.redirect === 'follow') throw new SdkError('ERR_SDK_REQUEST', 'workload.fetch follows no redirects')
  // A Request that was told nothing says "follow" too.
  const asked = init.redirect ?? (input instanceof Request ? input.redirect : undefined)
  return asked === 'error' ? 'error' : 'manual'
}
