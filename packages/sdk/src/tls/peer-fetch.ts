import { WorkloadIdentityError } from '@countersign/protocol'
import { type Dispatcher, fetch, type RequestInit as UndiciRequestInit } from 'undici'
import { SdkError } from '../sdk-error.ts'

/**
 * `fetch` through one dispatcher. Follows no redirects: the connection is verified for the address asked, and what else
 * an answer names nobody has demanded anything of.
 *
 * @throws SdkError `ERR_SDK_REQUEST` when redirects are to be followed
 * @throws WorkloadIdentityError what refused the connection, instead of the `TypeError` around it
 */
export async function peerFetch(
  dispatcher: Dispatcher,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  const redirect = redirectMode(input, init)
  const { target, options } = toOwnTypes(input, init)
  try {
    const response = await fetch(target, { ...options, redirect, dispatcher } as UndiciRequestInit)
    return response as unknown as Response
  } catch (error) {
    const cause = error instanceof TypeError ? error.cause : undefined
    throw cause instanceof WorkloadIdentityError ? cause : error
  }
}

function redirectMode(input: string | URL | Request, init: RequestInit): 'manual' | 'error' {
  if (init.redirect === 'follow') throw new SdkError('ERR_SDK_REQUEST', 'fetch over mutual TLS follows no redirects')
  // A Request that was told nothing says "follow" too.
  const asked = init.redirect ?? (input instanceof Request ? input.redirect : undefined)
  return asked === 'error' ? 'error' : 'manual'
}

/** Node's own Request and FormData are strangers to this package's `fetch`, which would send their names as text. */
function toOwnTypes(input: string | URL | Request, init: RequestInit): { target: string; options: RequestInit } {
  const isForeign = input instanceof Request || init.body instanceof FormData
  if (!isForeign) return { target: String(input), options: init }
  const request = new Request(input, init)
  const { method, headers, body, signal } = request
  return {
    target: request.url,
    options: {
      method,
      headers: [...headers],
      signal,
      ...(body === null ? {} : { body, duplex: 'half' }),
    } as RequestInit,
  }
}
