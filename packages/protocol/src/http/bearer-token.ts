import { RequestError } from './request-error.ts'

/** RFC 6750 `b64token`: what an access token may consist of. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/
const SCHEMES = new Set(['bearer', 'dpop'])

/**
 * The OAuth access token of an `Authorization` field, without its scheme; `undefined` for another scheme.
 *
 * @throws RequestError `ERR_REQUEST_AUTHORIZATION` when a Bearer or DPoP field holds no well-formed token
 * @see RFC 6750 section 2.1, RFC 9449 section 7.1
 */
export function accessTokenOf(authorization: string): string | undefined {
  // Any white space ends the scheme: a service that reads "Bearer<tab>token" must not find a token that went unseen here.
  const [scheme = '', token = '', ...more] = authorization.trim().split(/\s+/)
  if (!SCHEMES.has(scheme.toLowerCase())) return undefined
  if (more.length > 0 || !TOKEN.test(token))
    throw new RequestError('ERR_REQUEST_AUTHORIZATION', 'access token is missing or malformed')
  return token
}
