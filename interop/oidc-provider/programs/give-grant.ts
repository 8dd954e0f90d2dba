import { randomUUID } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import { errors, type Provider, type TokenContext } from 'oidc-provider'

const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/**
 * Gives grants for partner domains out, for access tokens of its own users. Parameters of no standard let it say what it must not:
 * `subject` is the name in the grant, `form` is `untyped` for one that is as the draft's own example, or `unclear` for one without a
 * type that could be an access token.
 *
 * @see draft-ietf-oauth-identity-chaining, "Token Exchange"
 */
export function giveGrants(provider: Provider, privateJwk: JWK, audiences: readonly string[]): void {
  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    async (context: TokenContext) => {
      const { client, params } = context.oidc
      if (params['subject_token_type'] !== ACCESS_TOKEN || params['requested_token_type'] !== JWT) {
        throw new errors.InvalidRequest('only grants for access tokens are given')
      }
      const subject = await provider.AccessToken.find(params['subject_token'] ?? '')
      if (subject === undefined || subject.isExpired || subject.clientId !== client.clientId) {
        throw new errors.InvalidRequest('the access token is none of this client')
      }
      const audience = params['resource'] ?? ''
      if (!audiences.includes(audience)) throw new errors.InvalidTarget('no partner has this name')
      const jkt = params['jkt']
      const claims = {
        ...(params['form'] === 'untyped' ? {} : { scope: subject.scope }),
        act: { sub: client.clientId },
        ...(jkt === undefined ? {} : { requested_cnf: { jkt } }),
      }
      const typ = params['form'] === undefined ? { typ: 'authorization-grant+jwt' } : {}
      const grant = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: String(privateJwk.kid), ...typ })
        .setIssuer(provider.issuer)
        .setSubject(params['subject'] ?? subject.accountId)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('60s')
        .setJti(randomUUID())
        .sign(await importJWK(privateJwk, 'ES256'))
      context.body = { access_token: grant, issued_token_type: JWT, token_type: 'N_A', expires_in: 60 }
    },
    ['subject_token', 'subject_token_type', 'requested_token_type', 'resource', 'subject', 'form', 'jkt'],
  )
}
