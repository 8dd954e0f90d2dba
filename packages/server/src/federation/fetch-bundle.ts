/** Gets a bundle document by the `https_web` profile of SPIFFE Federation. */
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { decodeUtf8, EncodingError, type JsonObject, parseJsonObject } from '@countersign/protocol'
import { MAX_BUNDLE_BYTES } from './bundle-document.ts'
import { FederationError } from './federation-error.ts'
import { parseEndpointUrl } from './validate-federation.ts'

export interface BundleSource {
  readonly url: string
  /** PEM roots for the endpoint's certificate; without them the public Web PKI. */
  readonly webRoots?: string | undefined
}

/** @throws FederationError `ERR_FEDERATION_*` */
export type BundleFetcher = (source: BundleSource, signal: AbortSignal) => Promise<JsonObject>

const MAX_REDIRECTS = 3

/**
 * Fetches from the configured URL; a redirect counts for this one time only and must be https too.
 *
 * @param signal ends the whole attempt, redirects and body included
 * @throws FederationError `ERR_FEDERATION_UNREACHABLE`, `ERR_FEDERATION_CERTIFICATE`, `ERR_FEDERATION_TIMEOUT`,
 *   `ERR_FEDERATION_REDIRECT`, `ERR_FEDERATION_STATUS`, `ERR_FEDERATION_TOO_LARGE` (more than 256 KiB),
 *   `ERR_FEDERATION_BUNDLE` when the body is not one JSON object
 * @see SPIFFE Federation section 5.2.1
 */
export const fetchBundle: BundleFetcher = async (source, signal) => {
  let url = parseEndpointUrl(source.url)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await get(url, source.webRoots, signal)
    try {
      if (response.statusCode === 200) return parseBody(await readBody(response, signal))
      url = redirectTarget(response, url)
    } finally {
      response.destroy()
    }
  }
  throw new FederationError('ERR_FEDERATION_REDIRECT', `bundle endpoint redirects more than ${MAX_REDIRECTS} times`)
}

function get(url: URL, webRoots: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent: false,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      headers: { accept: 'application/json', 'user-agent': 'countersign' },
      signal,
      ...(webRoots === undefined ? {} : { ca: webRoots }),
    })
    outgoing.on('response', resolve)
    outgoing.on('error', (error) => reject(asFederationError(error, signal)))
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

/** Errors that node:https reports when the peer's certificate does not hold. */
const CERTIFICATE_FAILURE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME|ERR_TLS|ERR_SSL|CRL_|INVALID_(?:CA|PURPOSE)/

function asFederationError(error: unknown, signal: AbortSignal): FederationError {
  if (error instanceof FederationError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const context = { detail: code, cause: error }
  if (signal.aborted)
    return new FederationError('ERR_FEDERATION_TIMEOUT', 'bundle endpoint did not answer in time', context)
  return CERTIFICATE_FAILURE.test(code)
    ? new FederationError('ERR_FEDERATION_CERTIFICATE', "bundle endpoint's certificate is not trusted", context)
    : new FederationError('ERR_FEDERATION_UNREACHABLE', 'bundle endpoint cannot be reached', context)
}
