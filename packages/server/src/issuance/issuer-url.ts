import { WorkloadIdentityError } from '@countersign/protocol'

export type IssuerUrlErrorCode = 'ERR_ISSUER_URL'

/** A URL under which relying parties could not discover the keys of JWT-SVIDs, or could be led elsewhere. */
export class IssuerUrlError extends WorkloadIdentityError<IssuerUrlErrorCode> {}

/** The issuer of JWT-SVIDs, and where relying parties look for its keys. All of it follows from the one configured URL. */
export interface IssuerUrl {
  /** `iss` of the tokens and `issuer` of the metadata, byte for byte. */
  readonly issuer: string
  /** Path of the issuer without a final slash; empty for none. */
  readonly basePath: string
  /** Path at which relying parties ask for the metadata. */
  readonly discoveryPath: string
  /** Path of `jwksUri`. */
  readonly keysPath: string
  readonly jwksUri: string
}

export const DISCOVERY_PATH = '/.well-known/openid-configuration'

const MAX_LENGTH = 2048
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
/** No percent-encoding: proxies decode it or not, and then what is asked for is not what is served. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9._~-]+)*\/?$/

/**
 * Checks an issuer URL. It must be spelled as every relying party's URL parser would spell it: issuers are compared as
 * text.
 *
 * @throws IssuerUrlError `ERR_ISSUER_URL`
 * @see OpenID Connect Discovery 1.0 sections 3 and 4.1; OpenID Connect Core 1.0 section 2 (iss)
 */
export function parseIssuerUrl(text: string): IssuerUrl {
  if (text.length > MAX_LENGTH) throw refused(`is longer than ${MAX_LENGTH} characters`)
  if (/[?#]/.test(text)) throw refused('must have no query and no fragment')
  const url = URL.parse(text)
  if (url === null) throw refused('is no absolute URL')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.has(url.hostname))) {
    throw refused('must begin with https://')
  }
  if (url.username !== '' || url.password !== '') throw refused('must hold no user name or password')
  if (text !== url.href && `${text}/` !== url.href) throw refused(`must be spelled as ${url.href}`)
  if (!PLAIN_PATH.test(url.pathname)) throw refused('may have letters, digits and ._~- in its path, and no empty part')
  const basePath = url.pathname.replace(/\/$/, '')
  const keysPath = `${basePath}/keys`
  return {
    issuer: text,
    basePath,
    discoveryPath: `${basePath}${DISCOVERY_PATH}`,
    keysPath,
    jwksUri: `${url.origin}${keysPath}`,
  }
}

function refused(reason: string): IssuerUrlError {
  return new IssuerUrlError('ERR_ISSUER_URL', `issuer URL ${reason}`)
}
