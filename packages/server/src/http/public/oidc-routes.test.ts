import { FakeClock } from '@countersign/testing'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { createEntry, newKey, refusal } from '../../test-support/machine-requests.ts'
import { startTestServer, type TestServer } from '../../test-support/test-server.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const WELL_KNOWN = '/.well-known/openid-configuration'
const JWT_TTL = 6_000

const start = (jwtIssuer?: string, authorities: object = {}) =>
  startTestServer({
    clock: new FakeClock(Math.floor(Date.now() / 1000)),
    config: {
      authorities: { jwtTtl: JWT_TTL, ...authorities },
      // The agent outlives the keys.
      svids: { agentTtl: 4 * JWT_TTL, ...(jwtIssuer && { jwtIssuer }) },
    },
  })
const ask = ({ server }: TestServer, path: string, headers = {}) => callHttps(`${server.publicUrl}${path}`, { headers })
const kids = async (test: TestServer, path = '/keys'): Promise<string[]> =>
  (await ask(test, path)).body.keys.map(({ kid }: { kid: string }) => kid)

/** An agent that attested, and the entry it asks tokens for. */
async function programOf(test: TestServer) {
  const agent = await test.attestedAgent()
  const { id: entryId } = await createEntry(test, agent)
  return {
    jwt: async (audience: string) =>
      (await agent.call('/v1/agent/jwt-svids', { body: { entryId, audience: [audience] } })).body.jwt.token as string,
    wit: async () =>
      (await agent.call('/v1/agent/wit-svids', { body: { requests: [{ entryId, publicKey: newKey() }] } })).body
        .svids[0].wit.token as string,
  }
}

const headerOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('OpenID Connect discovery', () => {
  it('says what relying parties insist on, and can be cached', async () => {
    const test = await start('https://id.example.org')
    const { status, headers, body } = await ask(test, WELL_KNOWN)
    expect(status).toBe(200)
    expect(body).toEqual({
      issuer: 'https://id.example.org',
      jwks_uri: 'https://id.example.org/keys',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      claims_supported: ['aud', 'exp', 'iat', 'iss', 'jti', 'sub'],
    })
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['cache-control']).toBe('public, max-age=60')
    const again = await ask(test, WELL_KNOWN, { 'if-none-match': String(headers['etag']) })
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' })
  })

  it.each([
    ['Host', { host: 'evil.example' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' }],
    ['X-Forwarded-Prefix', { 'x-forwarded-prefix': '/evil', 'x-forwarded-port': '1' }],
    ['Forwarded', { forwarded: 'host=evil.example;proto=http' }],
  ])('takes nothing from %s', async (_, headers) => {
    const test = await start('https://id.example.org')
    const honest = await ask(test, WELL_KNOWN)
    const forged = await ask(test, WELL_KNOWN, headers)
    expect(forged.status).toBe(200)
    expect(forged.text).toBe(honest.text)
    expect(forged.text).not.toContain('evil')
  })

  it.each([['https://id.example.org/base/path'], ['https://id.example.org/base/path/']])(
    'of %s is below the path of the issuer, and nowhere else',
    async (issuer) => {
      const test = await start(issuer)
      const { body } = await ask(test, `/base/path${WELL_KNOWN}`)
      expect(body).toMatchObject({ issuer, jwks_uri: 'https://id.example.org/base/path/keys' })
      expect(await kids(test, '/base/path/keys')).toEqual(await kids(test))
      const elsewhere = await ask(test, WELL_KNOWN)
      expect(refusal(elsewhere)).toBe('404 ERR_OIDC_OTHER_PATH')
      expect(elsewhere.body.title).toContain(`/base/path${WELL_KNOWN}`)
      expect(refusal(await ask(test, `/base/path/${WELL_KNOWN}`))).toBe('404 ERR_HTTP_NOT_FOUND')
      expect(refusal(await ask(test, `/other${WELL_KNOWN}`))).toBe('404 ERR_HTTP_NOT_FOUND')
    },
  )

  it('is off without an issuer, and says so', async () => {
    const test = await start()
    const reply = await ask(test, WELL_KNOWN)
    expect(refusal(reply)).toBe('404 ERR_OIDC_NO_ISSUER')
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.body.title).toContain('svids.jwtIssuer')
    const { jwt } = await programOf(test)
    expect(claimsOf(await jwt('a'))).not.toHaveProperty('iss')
  })

  it('leads to the keys of JWT-SVIDs alone', async () => {
    const test = await start('https://id.example.org')
    const { body: bundle } = await ask(test, '/bundle')
    const ofKind = (use: string) => bundle.keys.filter((key: { use: string }) => key.use === use)
    expect([ofKind('x509-svid'), ofKind('wit-svid')].map((keys) => keys.length)).toEqual([1, 1])
    const { keys } = (await ask(test, '/keys')).body
    expect(keys).toEqual(ofKind('jwt-svid').map((key: object) => ({ ...key, use: 'sig' })))
    expect(Object.keys(keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  })

  it('is enough to verify a JWT-SVID as an ID token, and no WIT-SVID', async () => {
    const issuer = 'https://id.example.org'
    const test = await start(issuer)
    const { jwt, wit } = await programOf(test)
    const keys = createLocalJWKSet((await ask(test, '/keys')).body)
    const token = await jwt('sts.example.org')
    const { payload } = await jwtVerify(token, keys, { issuer, audience: 'sts.example.org' })
    expect(payload).toMatchObject({ sub: 'spiffe://example.org/db', iat: expect.any(Number), iss: issuer })
    expect(headerOf(token)).toEqual({ alg: 'ES256', typ: 'JWT', kid: expect.any(String) })
    const witToken = await wit()
    expect(claimsOf(witToken)).not.toHaveProperty('iss')
    await expect(jwtVerify(witToken, keys)).rejects.toThrow()
  })

  it('shows a key before it signs, and until nothing it signed can be valid', async () => {
    const test = await start('https://id.example.org')
    const { jwt } = await programOf(test)
    const signer = async (audience: string) => headerOf(await jwt(audience)).kid as string
    const first = await signer('a')
    expect(await kids(test)).toEqual([first])

    await test.clock.advance(JWT_TTL / 2)
    await vi.waitFor(async () => expect(await kids(test)).toHaveLength(2))
    const [, second = ''] = await kids(test)
    expect(await signer('b')).toBe(first)

    await test.clock.advance(JWT_TTL / 3)
    await vi.waitFor(async () => expect(await signer('c')).toBe(second))
    expect(await kids(test)).toEqual([first, second])

    await test.clock.advance(JWT_TTL / 6)
    await vi.waitFor(async () => expect(await kids(test)).not.toContain(first))
    expect(await kids(test)).toContain(second)
  })

  it('names the algorithms of all keys that may sign, also while they change', async () => {
    const test = await start('https://id.example.org', { jwtAlgorithm: 'RS256' })
    expect((await ask(test, WELL_KNOWN)).body.id_token_signing_alg_values_supported).toEqual(['RS256'])
    const { jwt } = await programOf(test)
    const token = await jwt('a')
    const { protectedHeader } = await jwtVerify(token, createLocalJWKSet((await ask(test, '/keys')).body))
    expect(protectedHeader.alg).toBe('RS256')
    await test.server.stop()
    const clock = new FakeClock(test.clock.now() + JWT_TTL / 2)
    const config = { authorities: { jwtTtl: JWT_TTL }, svids: { jwtIssuer: 'https://id.example.org' } }
    const changed = await startTestServer({ dataDir: test.dataDir, clock, config })
    const { body } = await ask(changed, WELL_KNOWN)
    expect(body.id_token_signing_alg_values_supported).toEqual(['ES256', 'RS256'])
  })
})
