import { createRemoteJWKSet, type JWTPayload, errors as joseErrors, jwtVerify } from 'jose'
import { errors, type Provider, type TokenContext } from 'oidc-provider'
import { THEIR_API } from '../scene.ts'

/** Claims of a grant that only the chaining of identities has. */
interface Grant extends JWTPayload {
  readonly scope?: string
  readonly requested_cnf?: { readonly jkt?: string }
  readonly act?: object
}

const SCOPES = ['orders.read']

/**
 * Takes grants of a partner domain, as whoever runs oidc-provider would: by its public API and jose.
 *
 * @see draft-ietf-oauth-identity-chaining, "Access Token Request"
 */
export function takeGrants(provider: Provider, partner: { readonly issuer: string; readonly name: string }): void {
  const keys = createRemoteJWKSet(new URL(`${partner.issuer}/jwks`))
  const verify = async (assertion: string): Promise<Grant> => {
    try {
      const { payload } = await jwtVerify<Grant>(assertion, keys, {
        issuer: partner.issuer,
        audience: provider.issuer,
        typ: 'authorization-grant+jwt',
        requiredClaims: ['sub', 'jti', 'exp', 'iat'],
        maxTokenAge: 300,
      })
      return payload
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) throw new errors.InvalidGrant(error.message)
      throw error
    }
  }

  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    async (context: TokenContext) => {
      const { client, params } = context.oidc
      const grant = await verify(params['assertion'] ?? '')
      if (typeof grant.aud !== 'string') throw new errors.InvalidGrant('the grant is for others too')
      const isNew = await provider.ReplayDetection.unique(partner.issuer, String(grant.jti), Number(grant.exp))
      if (!isNew) throw new errors.InvalidGrant('the grant was used before')
      const held = (grant.scope ?? '').split(' ').filter((scope) => SCOPES.includes(scope))
      const asked = params['scope']?.split(' ') ?? held
      if (!asked.every((scope) => held.includes(scope))) throw new errors.InvalidScope('more than the grant says')
      const token = new provider.AccessToken({ accountId: `${partner.name}/${grant.sub}`, client, gty: 'jwt-bearer' })
      token.scope = asked.join(' ')
      const jwt = { sign: { alg: 'ES256' } }
      const server = { scope: SCOPES.join(' '), audience: THEIR_API, accessTokenFormat: 'jwt', accessTokenTTL: 60, jwt }
      token.resourceServer = new provider.ResourceServer(THEIR_API, server)
      if (grant.requested_cnf?.jkt !== undefined) token.setThumbprint('jkt', grant.requested_cnf.jkt)
      context.state['act'] = { sub: client.clientId, act: grant.act }
      const value = await token.save()
      context.body = {
        ...{ access_token: value, token_type: token.tokenType, expires_in: token.expiration, scope: token.scope },
      }
    },
    ['assertion', 'scope'],
  )
}
