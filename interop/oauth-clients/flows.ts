import type { webcrypto } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from '@countersign/sdk'
import { connectWorkloadApi } from '@countersign/workload-api'
import { decodeJwt } from 'jose'
import { type Fetch, type OAuthClient, refusalOf, type TokenAnswer } from './oauth-client.ts'
import { startOurResource } from './our-resource.ts'
import { Parties } from './parties.ts'
import { discoverResource, readAccessToken } from './resource-server.ts'
import { GATEWAY, LOCAL_WORKLOAD, ORDERS, type Scenario } from './scenario.ts'
import { overhearing, twice } from './twice.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const CREDENTIALS = 'client_credentials'

/** Runs every flow, and what must be refused of it, and prints one check a line. Exit status 1 when one failed. */
export async function runFlows(client: OAuthClient): Promise<void> {
  const scenario = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Scenario
  const flows = new Flows(client, scenario, await Parties.of(scenario))
  await flows.discovery()
  await flows.clientCredentials()
  await flows.registeredClient()
  await flows.jwtSvid()
  await flows.wit()
  await flows.tokenExchange()
  await flows.dpop()
  await flows.introspection()
  await flows.resource()
  process.exitCode = flows.failed ? 1 : 0
}

class Flows {
  failed = false
  readonly #client: OAuthClient
  readonly #scenario: Scenario
  readonly #parties: Parties

  constructor(client: OAuthClient, scenario: Scenario, parties: Parties) {
    this.#client = client
    this.#scenario = scenario
    this.#parties = parties
  }

  async discovery(): Promise<void> {
    const { issuer } = this.#scenario
    for (const [algorithm, name] of [
      ['oidc', 'OpenID Connect Discovery'],
      ['oauth2', 'RFC 8414'],
    ] as const) {
      await this.#gives(`finds the server by ${name}`, async () => {
        const endpoint = await this.#client.discover(issuer, algorithm)
        return [endpoint === `${issuer}/token`, String(endpoint)]
      })
    }
  }

  async clientCredentials(): Promise<void> {
    const { serviceAccount, service } = this.#parties
    const ask = (claims: object, parameters: Record<string, string> = {}, fetch?: Fetch) =>
      this.#client.grant({
        authentication: serviceAccount(claims),
        grantType: CREDENTIALS,
        parameters: { scope: 'orders.read', ...parameters },
        ...(fetch === undefined ? {} : { fetch }),
      })
    await this.#gives('service account token for an access token', async () => {
      const answer = await ask({})
      const claims = await readAccessToken(this.#scenario.issuer, answer, GATEWAY)
      return [claims.sub === LOCAL_WORKLOAD && answer.scope === 'orders.read', `${answer.token_type} for ${claims.sub}`]
    })
    const now = Math.floor(Date.now() / 1000)
    await this.#refuses('assertion for another audience', '401 invalid_client', () => ask({ aud: [service] }))
    await this.#refuses('assertion for the token endpoint', '401 invalid_client', () =>
      ask({ aud: [`${this.#scenario.issuer}/token`] }),
    )
    await this.#refuses('expired assertion', '401 invalid_client', () => ask({ exp: now - 60, iat: now - 660 }))
    await this.#refuses('assertion of another issuer', '401 invalid_client', () =>
      ask({ iss: 'https://other.example' }),
    )
    await this.#refuses('assertion that comes again', '401 invalid_client', () => ask({}, {}, twice))
    await this.#refuses('service account without a rule', '400 unauthorized_client', () =>
      ask({ sub: 'system:serviceaccount:other:default' }),
    )
    await this.#refuses('scope that no rule has', '400 invalid_scope', () => ask({}, { scope: 'orders.delete' }))
    await this.#refuses('audience that no rule has', '400 invalid_target', () =>
      ask({}, { resource: 'https://else.example' }),
    )
  }

  async registeredClient(): Promise<void> {
    const { gateway, service } = this.#parties
    const ask = (authentication: ReturnType<typeof gateway>, fetch?: Fetch) =>
      this.#client.grant({
        authentication,
        grantType: CREDENTIALS,
        parameters: {},
        ...(fetch === undefined ? {} : { fetch }),
      })
    await this.#gives("private_key_jwt by the library's own assertion", async () => {
      const claims = await readAccessToken(this.#scenario.issuer, await ask(gateway()), ORDERS)
      return [claims.client_id === 'gateway', `client_id ${claims.client_id}`]
    })
    await this.#refuses('private_key_jwt for another audience', '401 invalid_client', () => ask(gateway(service)))
    await this.#refuses('private_key_jwt that comes again', '401 invalid_client', () => ask(gateway(), twice))
  }

  async jwtSvid(): Promise<void> {
    const api = connectWorkloadApi({})
    const ask = async (audience: string, type = 'jwt-spiffe') => {
      const { svids } = await api.fetchJwtSvid({ audience: [audience] })
      const [svid] = svids
      if (svid === undefined) throw new Error('no JWT-SVID')
      return this.#client.grant({
        authentication: {
          by: 'assertion',
          clientId: svid.spiffeId,
          type: `urn:ietf:params:oauth:client-assertion-type:${type}`,
          assertion: svid.svid,
        },
        grantType: CREDENTIALS,
        parameters: {},
      })
    }
    const { issuer } = this.#scenario
    await this.#gives('JWT-SVID for an access token', async () => {
      const claims = await readAccessToken(issuer, await ask(issuer), ORDERS)
      return [String(claims.sub).startsWith('spiffe://'), String(claims.sub)]
    })
    await this.#refuses('JWT-SVID for another audience', '401 invalid_client', () => ask(ORDERS))
    await this.#refuses('JWT-SVID as an assertion of RFC 7523', '401 invalid_client', () => ask(issuer, 'jwt-bearer'))
    api.close()
  }

  async wit(): Promise<void> {
    await using workload = await connect({})
    const fetch: Fetch = (url, init) => workload.fetch(url, { ...init, audience: this.#scenario.issuer })
    const ask = (send: Fetch) =>
      this.#client.grant({
        authentication: { by: 'fetch', clientId: workload.id.toString() },
        grantType: CREDENTIALS,
        parameters: {},
        fetch: send,
      })
    await this.#gives('WIT with its proof for an access token', async () => {
      const answer = await ask(fetch)
      const { cnf, sub } = decodeJwt(answer.access_token)
      return [answer.token_type.toLowerCase() === 'dpop' && cnf !== undefined, `${answer.token_type} for ${sub}`]
    })
    const elsewhere: Fetch = (url, init) => workload.fetch(url, { ...init, audience: ORDERS })
    await this.#refuses('WIT with a proof for another service', '401 invalid_client', () => ask(elsewhere))
  }

  async tokenExchange(): Promise<void> {
    const { issuer } = this.#scenario
    const exchange = (subject: string, parameters: Record<string, string> = {}) =>
      this.#client.grant({
        authentication: this.#parties.gateway(),
        grantType: EXCHANGE,
        parameters: { subject_token: subject, subject_token_type: ACCESS_TOKEN, audience: ORDERS, ...parameters },
      })
    const subject = (await this.#subjectToken()).access_token
    await this.#gives('token exchange on behalf of the workload', async () => {
      const answer = await exchange(subject)
      const claims = await readAccessToken(issuer, answer, ORDERS)
      const actor = (claims['act'] as { sub?: string } | undefined)?.sub
      const isWhole = claims.sub === LOCAL_WORKLOAD && actor === 'gateway' && answer.issued_token_type === ACCESS_TOKEN
      return [isWhole, `sub ${claims.sub}, act ${actor}`]
    })
    const issued = (await exchange(subject)).access_token
    await this.#refuses('exchange of what was exchanged', '400 invalid_request', () => exchange(issued))
    await this.#refuses('exchange for more scope', '400 invalid_scope', () =>
      exchange(subject, { scope: 'orders.write' }),
    )
    await this.#refuses('exchange for another audience', '400 invalid_target', () =>
      exchange(subject, { audience: 'https://else.example' }),
    )
    await this.#refuses('exchange of a changed token', '400 invalid_request', () =>
      exchange(`${subject.slice(0, -6)}AAAAAA`),
    )
    await this.#refuses('service account token in place of an access token', '400 invalid_request', () => {
      const { assertion } = this.#parties.serviceAccount({})
      return exchange(assertion)
    })
  }

  async dpop(): Promise<void> {
    const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
    const seen: string[] = []
    const counted: Fetch = async (url, init) => {
      const response = await fetch(url, init)
      seen.push(response.ok ? 'granted' : String(((await response.clone().json()) as { error?: unknown }).error))
      return response
    }
    const ask = (send: Fetch) =>
      this.#client.grant({
        authentication: this.#parties.serviceAccount({}),
        grantType: CREDENTIALS,
        parameters: {},
        dpop: key as webcrypto.CryptoKeyPair,
        fetch: send,
      })
    await this.#gives('DPoP with a nonce of the server', async () => {
      const answer = await ask(counted)
      const claims = await readAccessToken(this.#scenario.issuer, answer, GATEWAY, key as webcrypto.CryptoKeyPair)
      const isBound = answer.token_type.toLowerCase() === 'dpop' && claims.cnf?.jkt !== undefined
      return [isBound && seen.join() === 'use_dpop_nonce,granted', seen.join(', ')]
    })
    // Beside an assertion of its own: one that came again would be refused before.
    const heard = overhearing('dpop')
    await this.#refuses('DPoP proof that comes again', '400 invalid_dpop_proof', async () => {
      await ask(heard.listen)
      return ask(heard.repeat)
    })
  }

  async introspection(): Promise<void> {
    const { gateway, orders } = this.#parties
    const token = (await this.#client.grant({ authentication: gateway(), grantType: CREDENTIALS, parameters: {} }))
      .access_token
    const look = async (by: ReturnType<typeof gateway>) => {
      const { active, sub } = await this.#client.introspect(by, token)
      return `active ${active}${sub === undefined ? '' : `, sub ${sub}`}`
    }
    const expectLook = (check: string, by: ReturnType<typeof gateway>, expected: string) =>
      this.#gives(check, async () => {
        const seen = await look(by)
        return [seen === expected, seen]
      })
    await expectLook('introspection by the resource server', orders(), 'active true, sub gateway')
    await expectLook('introspection by somebody else', gateway(), 'active false')
    await this.#refuses('revocation by somebody else', '400 unauthorized_client', () =>
      this.#client.revoke(orders(), token),
    )
    await this.#gives('revocation by the client', async () => {
      await this.#client.revoke(gateway(), token)
      return [true, 'accepted']
    })
    await expectLook('introspection after revocation', orders(), 'active false')
  }

  /** A service of ours, called by the library with tokens that it got. */
  async resource(): Promise<void> {
    const { issuer } = this.#scenario
    const service = await startOurResource(issuer)
    const generate = () => crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
    const [dpop, other] = [await generate(), await generate()] as webcrypto.CryptoKeyPair[] as [
      webcrypto.CryptoKeyPair,
      webcrypto.CryptoKeyPair,
    ]
    const tokenFor = async (scope: string, key?: webcrypto.CryptoKeyPair) => {
      const authentication = this.#parties.serviceAccount({})
      const request = { authentication, grantType: CREDENTIALS, parameters: { scope } }
      return (await this.#client.grant(key === undefined ? request : { ...request, dpop: key })).access_token
    }
    const call = (token: string, key?: webcrypto.CryptoKeyPair, method = 'GET') =>
      this.#client.callResource({
        ...{ token, url: `${service.url}/orders?page=1`, method },
        ...(key === undefined ? {} : { dpop: key }),
      })
    const bound = await tokenFor('orders.read', dpop)
    for (const method of ['GET', 'POST']) {
      await this.#gives(`DPoP at a service of ours, with its nonce: ${method}`, async () => {
        const seen = await call(bound, dpop, method)
        return [seen === JSON.stringify({ subject: LOCAL_WORKLOAD, binding: 'dpop', method }), seen]
      })
    }
    await this.#gives('metadata of a service of ours', async () => {
      const found = await discoverResource(service.url)
      return [found.authorization_servers?.join() === issuer, String(found.authorization_servers)]
    })
    await this.#refuses('at a service of ours: proof by another key', '401 invalid_dpop_proof', () =>
      call(bound, other),
    )
    await this.#refuses('at a service of ours: bound token as a bearer token', '401 invalid_token', () => call(bound))
    const unbound = await tokenFor('orders.read')
    await this.#refuses('at a service of ours: bearer token', '401 invalid_token', () => call(unbound))
    const narrow = await tokenFor('orders.write', dpop)
    await this.#refuses('at a service of ours: too little scope', '403 insufficient_scope', () => call(narrow, dpop))
    await service.close()
  }

  #subjectToken(): Promise<TokenAnswer> {
    const parameters = { scope: 'orders.read' }
    return this.#client.grant({ authentication: this.#parties.serviceAccount({}), grantType: CREDENTIALS, parameters })
  }

  async #gives(check: string, flow: () => Promise<readonly [boolean, string]>): Promise<void> {
    const [ok, detail] = await flow().catch((error) => [false, refusalOf(error)] as const)
    this.#report(check, ok, detail)
  }

  async #refuses(check: string, expected: string, flow: () => Promise<unknown>): Promise<void> {
    const detail = await flow().then(() => 'was granted', refusalOf)
    this.#report(`refused: ${check}`, detail === expected, detail)
  }

  #report(check: string, ok: boolean, detail: string): void {
    if (!ok) this.failed = true
    console.log(JSON.stringify({ check: `${this.#client.name}: ${check}`, ok, detail }))
  }
}
