/** The flows with oauth4webapi, which leaves every step to its caller. `node oauth4webapi.ts SCENARIO_FILE` */
import * as oauth from 'oauth4webapi'
import { runFlows } from '../flows.ts'
import type { Authentication, GrantRequest, OAuthClient, ResourceRequest, TokenAnswer } from '../oauth-client.ts'

class Oauth4webapi implements OAuthClient {
  readonly name = 'oauth4webapi 3.8.8'
  #server: oauth.AuthorizationServer | undefined

  async discover(issuer: string, algorithm: 'oidc' | 'oauth2'): Promise<string | undefined> {
    const url = new URL(issuer)
    const response = await oauth.discoveryRequest(url, { algorithm })
    this.#server = await oauth.processDiscoveryResponse(url, response)
    return this.#server.token_endpoint
  }

  async grant({ authentication, grantType, parameters, dpop, fetch }: GrantRequest): Promise<TokenAnswer> {
    const [server, client] = [this.#requireServer(), clientOf(authentication)] as const
    const proofs = dpop === undefined ? undefined : oauth.DPoP(client, dpop)
    const options = {
      ...(proofs === undefined ? {} : { DPoP: proofs }),
      ...(fetch === undefined ? {} : { [oauth.customFetch]: fetch as never }),
    }
    const ask = async () => {
      const by = clientAuth(authentication)
      if (grantType === 'client_credentials') {
        const response = await oauth.clientCredentialsGrantRequest(server, client, by, parameters, options)
        return oauth.processClientCredentialsResponse(server, client, response)
      }
      const response = await oauth.genericTokenEndpointRequest(server, client, by, grantType, parameters, options)
      // RFC 8693 answers "N_A" where the token is of no use as one to show.
      const recognizedTokenTypes = { n_a: () => {} }
      return oauth.processGenericTokenEndpointResponse(server, client, response, { recognizedTokenTypes })
    }
    try {
      return await ask()
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error
      return ask()
    }
  }

  async introspect(authentication: Authentication, token: string): Promise<Readonly<Record<string, unknown>>> {
    const [server, client] = [this.#requireServer(), clientOf(authentication)] as const
    const response = await oauth.introspectionRequest(server, client, clientAuth(authentication), token)
    return oauth.processIntrospectionResponse(server, client, response)
  }

  async revoke(authentication: Authentication, token: string): Promise<void> {
    const [server, client] = [this.#requireServer(), clientOf(authentication)] as const
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, clientAuth(authentication), token),
    )
  }

  async callResource({ token, url, method, dpop }: ResourceRequest): Promise<string> {
    const proofs = dpop === undefined ? undefined : oauth.DPoP({}, dpop)
    const options = { [oauth.allowInsecureRequests]: true, ...(proofs === undefined ? {} : { DPoP: proofs }) }
    const ask = () => oauth.protectedResourceRequest(token, method, new URL(url), undefined, undefined, options)
    try {
      return await (await ask()).text()
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error
      return (await ask()).text()
    }
  }

  #requireServer(): oauth.AuthorizationServer {
    if (this.#server === undefined) throw new Error('nothing was discovered')
    return this.#server
  }
}

const clientOf = ({ clientId }: Authentication): oauth.Client => ({ client_id: clientId })

function clientAuth(authentication: Authentication): oauth.ClientAuth {
  if (authentication.by === 'key') {
    const { key, kid, audience } = authentication
    const modify =
      audience === undefined
        ? {}
        : {
            [oauth.modifyAssertion]: (_: unknown, claims: Record<string, unknown>) => {
              claims['aud'] = audience
            },
          }
    return oauth.PrivateKeyJwt({ key, kid }, modify as oauth.ModifyAssertionOptions)
  }
  return (_server, _client, body) => {
    if (authentication.by !== 'assertion') return
    body.set('client_assertion_type', authentication.type)
    body.set('client_assertion', authentication.assertion)
  }
}

await runFlows(new Oauth4webapi())
