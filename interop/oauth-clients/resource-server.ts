import type { webcrypto } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import type { TokenAnswer } from './oauth-client.ts'

/**
 * What a resource server with oauth4webapi makes of a token: type, signature, issuer, audience, times, and the DPoP proof of a
 * token that is bound.
 *
 * @throws what the library throws
 */
export async function readAccessToken(
  issuer: string,
  { access_token: token }: Pick<TokenAnswer, 'access_token'>,
  audience: string,
  dpop?: webcrypto.CryptoKeyPair,
): Promise<oauth.JWTAccessTokenClaims> {
  const url = new URL(issuer)
  const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2' }))
  const resource = new URL('/orders', audience)
  let request = new Request(resource, { headers: { authorization: `Bearer ${token}` } })
  if (dpop !== undefined) {
    const options = {
      DPoP: oauth.DPoP({}, dpop),
      [oauth.customFetch]: async (target: string, init: RequestInit) => {
        request = new Request(target, init)
        return new Response()
      },
    }
    await oauth.protectedResourceRequest(token, 'GET', resource, undefined, undefined, options as never)
  }
  return oauth.validateJwtAccessToken(server, request, audience)
}

/** Whose tokens a service takes, as it says itself. @throws what the library throws. @see RFC 9728 */
export async function discoverResource(url: string): Promise<oauth.ResourceServer> {
  const resource = new URL(url)
  const options = { [oauth.allowInsecureRequests]: true }
  return oauth.processResourceDiscoveryResponse(resource, await oauth.resourceDiscoveryRequest(resource, options))
}
