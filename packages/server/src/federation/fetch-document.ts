/** Gets one JSON object from a configured https URL, without lending this server's place in the network to anyone. */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { decodeUtf8, EncodingError, type JsonObject, parseJsonObject } from '@countersign/protocol'
import { MAX_BUNDLE_BYTES } from './bundle-document.ts'
import { connectEndpoint, type EndpointRules } from './connect-endpoint.ts'
import { FederationError } from './federation-error.ts'
import { asFederationError } from './fetch-failure.ts'
import type { ResolveHost } from './resolve-address.ts'
import { parseEndpointUrl } from './validate-federation.ts'

export interface DocumentSource extends EndpointRules {
  readonly url: string
}

/** @throws FederationError `ERR_FEDERATION_*` */
export type DocumentFetcher = (source: DocumentSource, signal: AbortSignal) => Promise<JsonObject>

const MAX_HEADER_BYTES = 16 * 1024
/** An API server of Kubernetes gives its keys to nobody who does not ask for their own media type: 406. */
const ACCEPT = 'application/json, application/jwk-set+json'

/**
 * Makes a function that fetches from a configured URL. A redirect counts for this one time only and is held to the same
 * rules as the URL: https, the same profile and roots or SPIFFE ID, an address that is allowed. Nothing that the endpoint
 * sets goes along: no cookie, no authorization.
 *
 * The fetcher's `signal` ends the whole attempt: name resolution, handshake, redirects and body. It throws
 * FederationError as `connectEndpoint`, and `ERR_FEDERATION_REDIRECT`, `ERR_FEDERATION_STATUS`,
 * `ERR_FEDERATION_TOO_LARGE` (more than 256 KiB), `ERR_FEDERATION_BUNDLE` when the body is not one JSON object. What the
 * answer says of its own media type and length is not looked at.
 *
 * @param maxRedirects 0 follows none
 */
export function createDocumentFetcher(resolve: ResolveHost, maxRedirects: number): DocumentFetcher {
  return async ({ url: configured, ...rules }, signal) => {
    let url = parseEndpointUrl(configured)
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const response = await get(url, rules, resolve, signal)
      try {
        if (response.statusCode === 200) return parseBody(await readBody(response, signal))
        url = redirectTarget(response, url)
      } finally {
        response.destroy()
      }
    }
    throw new FederationError('ERR_FEDERATION_REDIRECT', `bundle endpoint redirects more than ${maxRedirects} times`)
  }
}

async function get(
  url: URL,
  rules: EndpointRules,
  resolveHost: ResolveHost,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const socket = await connectEndpoint(url, rules, resolveHost, signal)
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: { accept: ACCEPT, 'user-agent': 'countersign', connection: 'close' },
      signal,
    })
    outgoing.on('response', resolve)
    const fail = (error?: Error) => {
      socket.destroy()
      reject(asFederationError(error, signal))
    }
    outgoing.on('error', fail)
    // Without an answer and without an error: the endpoint wanted to speak another protocol than HTTP.
    outgoing.on('close', fail)
    outgoing.end()
  })
}

async function readBody(response: IncomingMessage, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > MAX_BUNDLE_BYTES) {
        throw new FederationError('ERR_FEDERATION_TOO_LARGE', `bundle is larger than ${MAX_BUNDLE_BYTES} bytes`)
      }
      chunks.push(chunk)
    }
  } catch (error) {
    throw asFederationError(error, signal)
  }
  return Buffer.concat(chunks)
}

function parseBody(body: Uint8Array): JsonObject {
  try {
    return parseJsonObject(decodeUtf8(body))
  } catch (cause) {
    if (!(cause instanceof EncodingError)) throw cause
    throw new FederationError('ERR_FEDERATION_BUNDLE', `bundle endpoint's answer: ${cause.message}`, { cause })
  }
}

function redirectTarget(response: IncomingMessage, from: URL): URL {
  const { statusCode = 0, headers } = response
  if (![301, 302, 303, 307, 308].includes(statusCode)) {
    throw new FederationError('ERR_FEDERATION_STATUS', `bundle endpoint answered with status ${statusCode}`)
  }
  const target = headers.location === undefined ? null : URL.parse(headers.location, from.href)
  if (target === null || target.protocol !== 'https:' || target.username !== '' || target.password !== '') {
    throw new FederationError(
      'ERR_FEDERATION_REDIRECT',
      'bundle endpoint redirects to something other than an https URL',
    )
  }
  return target
}
