/** The flows with openid-client, which does DPoP's nonces by itself. `node openid-client.ts SCENARIO_FILE` */
import * as openid from 'openid-client'
import { runFlows } from '../flows.ts'
import type { Authentication, GrantRequest, OAuthClient, ResourceRequest, TokenAnswer } from '../oauth-client.ts'

class OpenidClient implements OAuthClient {
  readonly name = 'openid-client 6.9.0'
  #server: openid.ServerMetadata | undefined

  async discover(issuer: string, algorithm: 'oidc' | 'oauth2'): Promise<string | undefined> {
    const found = await openid.discovery(new URL(issuer), 'anybody', undefined, openid.None(), { algorithm })
    this.#server = found.serverMetadata()
    return this.#server.token_endpoint
  }

  async grant({ authentication, grantType, parameters, dpop, fetch }: GrantRequest): Promise<TokenAnswer> {
    const config = this.#configure(authentication)
    if (fetch !== undefined) config[openid.customFetch] = fetch as openid.CustomFetch
    const options = dpop === undefined ? {} : { DPoP: openid.getDPoPHandle(config, dpop) }
    return grantType === 'client_credentials'
      ? openid.clientCredentialsGrant(config, { ...parameters }, options)
      : openid.genericGrantRequest(config, grantType, { ...parameters }, options)
  }

  async introspect(authentication: Authentication, token: string): Promise<Readonly<Record<string, unknown>>> {
    return openid.tokenIntrospection(this.#configure(authentication), token)
  }

  revoke(authentication: Authentication, token: string): Promise<void> {
    return openid.tokenRevocation(this.#configure(authentication), token)
  }

  async callResource({ token, url, method, dpop }: ResourceRequest): Promise<string> {
    const config = this.#configure({ by: 'fetch', clientId: 'anybody' })
    openid.allowInsecureRequests(config)
    const options = dpop === undefined ? {} : { DPoP: openid.getDPoPHandle(config, dpop) }
    const target = new URL(url)
    return (await openid.fetchProtectedResource(config, token, target, method, undefined, undefined, options)).text()
  }

  #configure(authentication: Authentication): openid.Configuration {
    if (this.#server === undefined) throw new Error('nothing was discovered')
    return new openid.Configuration(this.#server, authentication.clientId, undefined, clientAuth(authentication))
  }
}

function clientAuth(authentication: Authentication): openid.ClientAuth {
  if (authentication.by === 'key') {
    const { key, kid, audience } = authentication
    const modify =
      audience === undefined
        ? {}
        : {
            [openid.modifyAssertion]: (_: unknown, claims: Record<string, unknown>) => {
              claims['aud'] = audience
            },
          }
    return openid.PrivateKeyJwt({ key, kid }, modify as never)
  }
  return (_server, _client, body) => {
    if (authentication.by !== 'assertion') return
    body.set('client_assertion_type', authentication.type)
    body.set('client_assertion', authentication.assertion)
  }
}

await runFlows(new OpenidClient())
