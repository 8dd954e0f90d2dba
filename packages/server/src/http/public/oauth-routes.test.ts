import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, FakeClock } from '@countersign/testing'
import Fastify from 'fastify'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { TokenService } from '../../exchange/open-token-service.ts'
import { parseTokenServiceUrls } from '../../exchange/token-service-urls.ts'
import { AuthorityError } from '../../issuance/authority-error.ts'
import { StoreError } from '../../store/store-error.ts'
import { callHttps } from '../../test-support/http-call.ts'
import { refusal } from '../../test-support/machine-requests.ts'
import { RecordingLogger } from '../../test-support/recording-logger.ts'
import { startTestServer } from '../../test-support/test-server.ts'
import {
  assertionForm,
  CLUSTER,
  ISSUER,
  ORDERS,
  oauthError,
  startTokenService,
  TOKEN_ENDPOINT,
  WORKLOAD,
} from '../../test-support/token-service-world.ts'
import { addOAuthRoutes } from './oauth-routes.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

describe('token endpoint', () => {
  it('gives the workload of the founding paper a token for the token that Kubernetes gave it', async () => {
    const test = await startTokenService({ cluster: { tokenEndpointAudience: true } })
    const reply = await test.ask(test.serviceAccountToken({ aud: [TOKEN_ENDPOINT] }), {
      client_id: WORKLOAD,
      scope: 'orders.read',
    })
    expect(reply.status).toBe(200)
    expect(reply.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders.read',
    })
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    expect(reply.headers['content-type']).toMatch(/^application\/json/)
    const now = test.clock.now()
    const { header, claims } = decodeToken(reply.body.access_token)
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.stringMatching(/^oauth-/) })
    expect(claims).toEqual({
      iss: ISSUER,
      sub: WORKLOAD,
      aud: ORDERS,
      client_id: WORKLOAD,
      scope: 'orders.read',
      iat: now,
      exp: now + 300,
      jti: expect.any(String),
    })
    const issued = test.log.events('token.issued')
    expect(issued).toEqual([
      expect.objectContaining({ rule: 'orders', subject: WORKLOAD, subjectIssuer: 'cluster', tokenId: claims['jti'] }),
    ])
    expect(test.log.text).not.toContain(reply.body.access_token)
  })

  it('is found by its metadata, and its tokens are verified by its keys', async () => {
    const test = await startTokenService()
    const at = (path: string) => callHttps(new URL(path, test.server.publicUrl).href)
    const metadata = await at('/.well-known/oauth-authorization-server/oauth2')
    expect(metadata.body).toMatchObject({
      issuer: ISSUER,
      token_endpoint: TOKEN_ENDPOINT,
      jwks_uri: 'https://id.example.org/oauth2/jwks',
      grant_types_supported: [
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
        'urn:ietf:params:oauth:grant-type:token-exchange',
      ],
      identity_chaining_requested_token_types_supported: ['urn:ietf:params:oauth:token-type:jwt'],
      token_endpoint_auth_methods_supported: [
        'private_key_jwt',
        'spiffe_jwt',
        'wit_wpt',
        'wit_http_signature',
        'spiffe_wit',
      ],
    })
    // RFC 8414 section 2: required with private_key_jwt, at each of these endpoints.
    for (const name of ['token', 'introspection', 'revocation']) {
      expect(metadata.body[`${name}_endpoint_auth_signing_alg_values_supported`]).toContain('ES256')
    }
    expect((await at('/oauth2/.well-known/openid-configuration')).body).toEqual(metadata.body)
    const keys = await at('/oauth2/jwks')
    expect(keys.headers['cache-control']).toBe('public, max-age=60')
    const { body } = await test.ask(test.serviceAccountToken())
    const options = { issuer: ISSUER, audience: ORDERS, typ: 'at+jwt', currentDate: new Date(test.clock.now() * 1000) }
    const { payload } = await jwtVerify(body.access_token, createLocalJWKSet(keys.body), options)
    expect(payload.sub).toBe(WORKLOAD)
    const { keys: bundle } = (await at('/bundle')).body
    const { keys: identities } = (await at('/keys')).body
    expect(JSON.stringify([bundle, identities])).not.toContain(keys.body.keys[0].x)
  })

  it('binds the token to the key of a DPoP proof, and takes the proof once', async () => {
    const test = await startTokenService({ cluster: { reuse: true } })
    const key = generateSigningKey('ES256')
    const dpop = test.dpop(key)
    const reply = await test.ask(test.serviceAccountToken(), {}, { dpop })
    expect(reply.body).toMatchObject({ token_type: 'DPoP' })
    expect(decodeToken(reply.body.access_token).claims['cnf']).toEqual({ jkt: expect.stringMatching(/^[\w-]{43}$/) })
    expect(oauthError(await test.ask(test.serviceAccountToken(), {}, { dpop }))).toBe('400 invalid_dpop_proof')
  })

  it('asks for its nonce where it is told to', async () => {
    const test = await startTokenService({ cluster: { reuse: true }, tokenService: { dpopNonce: true } })
    const key = generateSigningKey('ES256')
    const first = await test.ask(test.serviceAccountToken(), {}, { dpop: test.dpop(key) })
    expect(oauthError(first)).toBe('400 use_dpop_nonce')
    const nonce = first.headers['dpop-nonce'] as string
    const second = await test.ask(test.serviceAccountToken(), {}, { dpop: test.dpop(key, nonce) })
    expect(second.body).toMatchObject({ token_type: 'DPoP' })
    test.clock.jump(240)
    const late = await test.ask(test.serviceAccountToken(), {}, { dpop: test.dpop(key, nonce) })
    expect(oauthError(late)).toBe('400 use_dpop_nonce')
  })

  it.each([
    ['for another audience', { aud: ['https://other.example'] }],
    ['for the token endpoint, which this issuer may not', { aud: [TOKEN_ENDPOINT] }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['that has expired', { exp: 0 }],
    ['about something else', { sub: 'system:node:a' }],
    ['with a name that is none', { sub: 'system:serviceaccount:test:a/b' }],
  ])('refuses a client with a token %s', async (_, claims) => {
    const test = await startTokenService()
    const reply = await test.ask(test.serviceAccountToken(claims))
    expect(oauthError(reply)).toBe('401 invalid_client')
    expect(reply.headers['www-authenticate']).toBe(`Bearer realm="${ISSUER}", error="invalid_client"`)
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(test.log.events('token.refused')).toHaveLength(1)
  })

  it('takes an assertion once, also after a restart, and again where the issuer may', async () => {
    const first = await startTokenService()
    const token = first.serviceAccountToken()
    expect((await first.ask(token)).status).toBe(200)
    expect(oauthError(await first.ask(token))).toBe('401 invalid_client')
    await first.server.stop()
    const again = { dataDir: first.dataDir, clock: first.clock, clusterKey: first.clusterKey }
    const second = await startTokenService(again)
    expect(oauthError(await second.ask(token))).toBe('401 invalid_client')
    await second.server.stop()
    const third = await startTokenService({ ...again, cluster: { reuse: true } })
    expect((await third.ask(token)).status).toBe(200)
    expect((await third.ask(token)).status).toBe(200)
  })

  it.each([
    ['another audience', { audience: 'https://billing.example' }, '400 invalid_target'],
    ['a resource that is no URI', { resource: 'orders' }, '400 invalid_target'],
    ['more scope', { scope: 'orders.read orders.delete' }, '400 invalid_scope'],
    ['a scope that is no list', { scope: 'a  b' }, '400 invalid_scope'],
    ['another grant', { grant_type: 'password' }, '400 unsupported_grant_type'],
    ['no grant', { grant_type: '' }, '400 invalid_request'],
    ['another client', { client_id: 'other' }, '401 invalid_client'],
    ['a secret as well', { client_secret: 'x' }, '401 invalid_client'],
    ['another assertion type', { client_assertion_type: 'urn:x' }, '401 invalid_client'],
    ['no assertion', { client_assertion: '' }, '400 invalid_request'],
  ])('refuses to give %s', async (_, form, expected) => {
    const test = await startTokenService()
    expect(oauthError(await test.ask(test.serviceAccountToken(), form))).toBe(expected)
  })

  it('answers nobody by a clock that cannot be right, and forgets nothing meanwhile', async () => {
    const clock = new FakeClock()
    const test = await startTokenService({ clock })
    const token = test.serviceAccountToken()
    expect((await test.ask(token)).status).toBe(200)
    clock.jump(2 * 366 * 86_400)
    for (const path of ['token', 'introspect', 'revoke']) {
      const reply = await test.post(assertionForm(test.serviceAccountToken()), {}, `/oauth2/${path}`)
      expect(`${reply.status} ${reply.body.error}`).toBe('503 temporarily_unavailable')
    }
    clock.jump(-2 * 366 * 86_400)
    expect(oauthError(await test.ask(token))).toBe('401 invalid_client')
  })

  it('gives nothing to whom no rule means', async () => {
    const test = await startTokenService()
    const reply = await test.ask(test.serviceAccountToken({ sub: 'system:serviceaccount:test:other' }))
    expect(oauthError(reply)).toBe('400 unauthorized_client')
    expect(test.log.events('token.refused')).toEqual([
      expect.objectContaining({ detail: 'orders: subject.subject', subjectIssuer: 'cluster' }),
    ])
    const none = await startTokenService({ rules: [] })
    expect(oauthError(await none.ask(none.serviceAccountToken()))).toBe('400 unauthorized_client')
  })

  it('never gives a token that outlives what it came from', async () => {
    const test = await startTokenService()
    const { body } = await test.ask(test.serviceAccountToken({ exp: test.clock.now() + 60 }))
    expect(body.expires_in).toBe(60)
  })

  it.each([
    ['JSON', '{}', { 'content-type': 'application/json' }],
    ['text', 'grant_type=client_credentials', { 'content-type': 'text/plain' }],
    ['a duplicate', 'grant_type=client_credentials&grant_type=client_credentials', {}],
    ['a duplicate in other letters', 'scope=a&sco%70e=b', {}],
    ['bad encoding', 'grant_type=%zz', {}],
    ['bad UTF-8', 'grant_type=%ff', {}],
    ['too much', `grant_type=${'a'.repeat(70_000)}`, {}],
    ['too many', Array.from({ length: 65 }, (_, index) => `a${index}=1`).join('&'), {}],
    ['no form', 'hello', {}],
    ['nothing', '', {}],
  ])('refuses %s as a request', async (_, text, headers) => {
    const test = await startTokenService()
    expect(oauthError(await test.post(text, headers))).toBe('400 invalid_request')
  })

  it('refuses parameters in the URL, other methods and two DPoP proofs', async () => {
    const test = await startTokenService()
    const url = new URL('/oauth2/token', test.server.publicUrl).href
    const text = new URLSearchParams({ grant_type: 'client_credentials', ...assertionForm('x') }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(oauthError(await callHttps(`${url}?scope=a`, { method: 'POST', text, headers }))).toBe('400 invalid_request')
    expect(refusal(await callHttps(url))).toBe('405 ERR_HTTP_METHOD')
    const dpop = [test.dpop(generateSigningKey('ES256')), test.dpop(generateSigningKey('ES256'))]
    const twice = { ...headers, dpop: dpop as unknown as string }
    expect(oauthError(await callHttps(url, { method: 'POST', text, headers: twice }))).toBe('400 invalid_dpop_proof')
  })

  it('is not there without configuration', async () => {
    const test = await startTestServer()
    const at = (path: string, call = {}) => callHttps(new URL(path, test.server.publicUrl).href, call)
    expect(refusal(await at('/oauth2/token', { method: 'POST', body: {} }))).toBe('404 ERR_HTTP_NOT_FOUND')
    expect(refusal(await at('/oauth2/jwks'))).toBe('404 ERR_HTTP_NOT_FOUND')
    const { body } = await test.admin('/v1/authorities')
    expect(body.authorities.map(({ kind }: { kind: string }) => kind).sort()).toEqual(['jwt', 'wit', 'x509'])
    expect(refusal(await test.admin('/v1/authorities/prepare', { body: { kind: 'oauth' } }))).toBe(
      '409 ERR_AUTHORITY_KIND_UNUSED',
    )
  })

  it('goes on over a change of its keys', async () => {
    const ttl = 6000
    const test = await startTokenService({ cluster: { reuse: true }, config: { authorities: { oauthTtl: ttl } } })
    const kidOf = async () => {
      const { body } = await test.ask(test.serviceAccountToken())
      return decodeToken(body.access_token).header['kid']
    }
    const kids = async () => {
      const { body } = await callHttps(new URL('/oauth2/jwks', test.server.publicUrl).href)
      return body.keys.map(({ kid }: { kid: string }) => kid)
    }
    const first = await kidOf()
    await test.clock.advance(ttl / 2)
    await vi.waitFor(async () => expect(await kids()).toHaveLength(2))
    expect(await kidOf()).toBe(first)
    await test.clock.advance(ttl / 3)
    await vi.waitFor(async () => expect(await kidOf()).not.toBe(first))
    expect(await kids()).toContain(first)
  })

  it.each([
    new AuthorityError('ERR_AUTHORITY_NONE_ACTIVE', 'server has no key to sign with'),
    new StoreError('ERR_STORE_UNWRITABLE', 'store cannot be written'),
  ])('says that it cannot be done now, and writes no line for each request: $code', async (trouble) => {
    const fail = async () => {
      throw trouble
    }
    const urls = parseTokenServiceUrls(ISSUER, undefined)
    const tokenService = { urls, endpoint: { handle: fail }, introspect: fail, revoke: fail } as unknown as TokenService
    const app = Fastify()
    onTestFinished(() => app.close())
    const log = new RecordingLogger()
    addOAuthRoutes(app, { tokenService, refreshHintSeconds: 60, gate: { requireOpen() {} }, now: () => 1, log })
    for (const url of [urls.paths.token, urls.paths.introspection, urls.paths.revocation]) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const reply = await app.inject({ method: 'POST', url, headers, payload: 'a=b' })
      expect([reply.statusCode, reply.json().error]).toEqual([503, 'temporarily_unavailable'])
    }
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('keeps apart clusters that are installed with one issuer URL', async () => {
    const other = generateSigningKey('RS256', { kid: 'other-1' })
    const test = await startTokenService({
      cluster: { subjectPrefix: 'a/' },
      issuers: [
        {
          name: 'other',
          issuer: CLUSTER,
          profiles: ['service-account'],
          jwks: { keys: [other.publicJwk] },
          subjectPrefix: 'b/',
        },
      ],
    })
    const { body } = await test.ask(test.serviceAccountToken())
    expect(decodeToken(body.access_token).claims).toMatchObject({ sub: `a/${WORKLOAD}` })
    const impostor = test.serviceAccountToken({}, { kid: 'other-1' })
    expect(oauthError(await test.ask(impostor))).toBe('401 invalid_client')
  })
})
