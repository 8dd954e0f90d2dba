import { type JsonObject, parseJsonObject } from '@countersign/protocol'
import { SdkError } from '../sdk-error.ts'
import { type DocumentRuntime, PublishedDocument } from './published-document.ts'
import { isServiceUrl, requireServiceUrl } from './service-url.ts'

/** What an authorization server says of itself, as far as it is of use here. */
export interface ServiceMetadata {
  readonly tokenEndpoint: string | undefined
  readonly jwksUri: string | undefined
  /** Whether it binds tokens to the key of a DPoP proof. */
  readonly takesDpop: boolean
}

const WELL_KNOWN = '/.well-known/oauth-authorization-server'

/** The metadata of one authorization server, found by its issuer identifier. @see RFC 8414 section 3 */
export class PublishedMetadata extends PublishedDocument<ServiceMetadata> {
  /**
   * @param issuer issuer identifier, as it is in `iss` of its tokens
   * @throws TypeError unless it is https, or on this host; with a query or fragment
   */
  constructor(issuer: string, runtime: DocumentRuntime) {
    super(metadataUrl(issuer), runtime, {
      name: 'the metadata of the token service',
      code: 'ERR_SDK_METADATA',
      parse: (text) => readMetadata(parseJsonObject(text), issuer),
    })
  }
}

/** RFC 8414 section 3.1: between host and path. */
function metadataUrl(issuer: string): string {
  const { origin, pathname, search, hash } = new URL(requireServiceUrl(issuer))
  if (search !== '' || hash !== '') throw new TypeError('an issuer identifier has no query and no fragment')
  return `${origin}${WELL_KNOWN}${pathname.replace(/\/$/, '')}`
}

function readMetadata(document: JsonObject, issuer: string): ServiceMetadata {
  // RFC 8414 section 3.3: one that speaks for another could have our credentials sent to it.
  if (document['issuer'] !== issuer) throw unusable('they are those of another issuer')
  const algorithms = document['dpop_signing_alg_values_supported']
  return {
    tokenEndpoint: optionalUrl(document, 'token_endpoint'),
    jwksUri: optionalUrl(document, 'jwks_uri'),
    takesDpop: Array.isArray(algorithms) && algorithms.length > 0,
  }
}

function optionalUrl(document: JsonObject, name: string): string | undefined {
  const value = document[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && isServiceUrl(value)) return value
  throw unusable(`their "${name}" is no https URL`)
}

function unusable(reason: string): SdkError {
  return new SdkError('ERR_SDK_METADATA', `the metadata of the token service cannot be used: ${reason}`)
}
