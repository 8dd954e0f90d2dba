/** Administrators who come with a token of an OpenID Connect issuer. */
import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it, vi } from 'vitest'
import { callHttps } from '../../test-support/http-call.ts'
import { entryFor, refusal } from '../../test-support/machine-requests.ts'
import { AUDIENCE, bearer, startOidcIssuer } from '../../test-support/oidc-issuer.ts'
import { temporaryFolder } from '../../test-support/temporary-folder.ts'
import { createAdministrator, grantRole } from '../../test-support/test-administrator.ts'
import { startTestServer } from '../../test-support/test-server.ts'

vi.setConfig({ testTimeout: 30_000 })

async function start(config: object = {}) {
  const issuer = await startOidcIssuer(config)
  const test = await startTestServer({ config: { admin: { oidc: [issuer.config] } } })
  const call = (path: string, token: string, more: object = {}) =>
    callHttps(`${test.server.machineUrl}${path}`, { ...bearer(token), ...more })
  const token = (claims: object = {}, header: object = {}) => issuer.token(test.clock.now(), claims, header)
  const status = async (text: string) => {
    const reply = await call('/v1/status', text)
    return reply.status === 200 ? '200' : refusal(reply)
  }
  const grant = (claim: string, value: string, fields: object = {}) =>
    grantRole(test, { subject: { issuer: issuer.url, claim, value }, role: 'viewer', prefix: '/', ...fields })
  return { issuer, test, call, token, status, grant }
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('an administrator with a token', () => {
  it('may what was granted to the subject, and no more', async () => {
    const { test, call, token, grant } = await start()
    const agent = await test.attestedAgent()
    expect(refusal(await call('/v1/entries', token()))).toBe('403 ERR_ADMIN_NO_ROLE')
    await grant('sub', 'alice', { role: 'registrar', prefix: '/team-a' })
    const create = async (path: string) =>
      (
        await call('/v1/entries', token(), {
          body: entryFor(agent, { spiffeId: `spiffe://example.org${path}` }),
          method: 'POST',
        })
      ).status
    expect([await create('/team-a/x'), await create('/team-b/x')]).toEqual([201, 403])
    const events = test.log.events('admin.called').filter(({ action }) => action === 'entry.create')
    expect(events.map(({ decision }) => decision)).toEqual(['allowed', 'denied'])
    expect(events[0]).toMatchObject({ subject: expect.stringContaining('alice of https://') })
    expect(test.log.text).not.toContain(token().split('.')[1])
  })

  it('is asked for one when nothing is shown, and told what is wrong with it', async () => {
    const { test, call, token } = await start()
    const nothing = await callHttps(`${test.server.machineUrl}/v1/status`)
    expect(refusal(nothing)).toBe('401 ERR_ADMIN_NO_CREDENTIAL')
    expect(nothing.headers['www-authenticate']).toBe('Bearer realm="countersign"')
    const expired = await call('/v1/status', token({ exp: test.clock.now() - 60 }))
    expect(refusal(expired)).toBe('401 ERR_ADMIN_TOKEN')
    expect(expired.headers['www-authenticate']).toBe(
      'Bearer realm="countersign", error="invalid_token", error_description="credential has expired"',
    )
    expect((await call('/v1/status', token())).headers['www-authenticate']).toBeUndefined()
  })

  it('is not asked for one where no issuer is configured, and has none believed', async () => {
    const test = await startTestServer()
    const issuer = await startOidcIssuer()
    const ask = (call: object) => callHttps(`${test.server.machineUrl}/v1/status`, call)
    const nothing = await ask({})
    expect(refusal(nothing)).toBe('403 ERR_ADMIN_NO_CERTIFICATE')
    expect(nothing.headers['www-authenticate']).toBeUndefined()
    expect(refusal(await ask(bearer(issuer.token(test.clock.now()))))).toBe('401 ERR_ADMIN_TOKEN')
    expect(issuer.requests).toEqual([])
  })

  it.each([
    ['of another issuer', { iss: 'https://evil.example' }, {}],
    ['of no issuer', { iss: undefined }, {}],
    ['for another audience', { aud: 'https://wiki.example.org' }, {}],
    ['given to another client', { azp: 'wiki' }, {}],
    ['for another client too', { aud: [AUDIENCE, 'wiki'], azp: 'wiki' }, {}],
    ['bound to a key', { cnf: { jkt: 'a' } }, {}],
    ['without an end', { exp: undefined }, {}],
    ['of another type', {}, { typ: 'logout+jwt' }],
    ['with a header extension', {}, { crit: ['exp'] }],
    ['of an algorithm that is not listed', {}, { alg: 'ES384' }],
    ['of an unknown key', {}, { kid: 'k2' }],
  ])('is refused one %s', async (_name, claims, header) => {
    const { token, status, grant } = await start()
    await grant('sub', 'alice')
    expect(await status(token())).toBe('200')
    expect(await status(token(claims, header))).toBe('401 ERR_ADMIN_TOKEN')
  })

  it('is refused one that nobody signed, or that anybody can', async () => {
    const { issuer, token, status, grant } = await start()
    await grant('sub', 'alice')
    const [, claims = '', signature = ''] = token().split('.')
    expect(await status(`${encode({ alg: 'none' })}.${claims}.`)).toBe('401 ERR_ADMIN_TOKEN')
    expect(await status(`${encode({ alg: 'none' })}.${claims}.${signature}`)).toBe('401 ERR_ADMIN_TOKEN')
    const input = `${encode({ alg: 'HS256', kid: 'k1' })}.${claims}`
    for (const secret of [
      JSON.stringify(issuer.state.keys[0]?.publicJwk),
      String(issuer.state.keys[0]?.publicJwk['x']),
    ]) {
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      expect(await status(`${input}.${mac}`)).toBe('401 ERR_ADMIN_TOKEN')
    }
    const other = await startOidcIssuer()
    const forged = other.token(Number(JSON.parse(Buffer.from(claims, 'base64url').toString()).iat), { iss: issuer.url })
    expect(await status(forged)).toBe('401 ERR_ADMIN_TOKEN')
  })

  it('is refused another scheme, and a token that is none', async () => {
    const { test, token } = await start()
    for (const authorization of [`DPoP ${token()}`, 'Bearer', 'Bearer a b', `Basic ${token()}`, 'Bearer no.token']) {
      const reply = await callHttps(`${test.server.machineUrl}/v1/status`, { headers: { authorization } })
      expect(refusal(reply)).toBe('401 ERR_ADMIN_TOKEN')
    }
  })

  it('is only who the token says, whatever the connection is made with', async () => {
    const { test, call, token, grant } = await start()
    const agent = await test.attestedAgent()
    const admin = await createAdministrator(test, agent, '/root', { role: 'admin', prefix: '/' })
    expect((await admin.call('/v1/authorities')).status).toBe(200)
    expect(refusal(await admin.call('/v1/authorities', bearer(token())))).toBe('403 ERR_ADMIN_NO_ROLE')
    expect(refusal(await admin.call('/v1/authorities', bearer('x.y.z')))).toBe('401 ERR_ADMIN_TOKEN')
    await grant('sub', 'alice')
    expect((await call('/v1/authorities', token())).status).toBe(200)
  })

  it('is believed by groups, and by an address that the issuer has verified', async () => {
    const { token, status, grant } = await start({ claims: ['sub', 'groups', 'email'] })
    await grant('groups', 'platform')
    expect(await status(token({ groups: ['a', 'platform'] }))).toBe('200')
    expect(await status(token({ groups: 'platform' }))).toBe('200')
    expect(await status(token({ groups: ['platforms', ['platform'], { platform: 1 }] }))).toBe('403 ERR_ADMIN_NO_ROLE')
    await grant('email', 'bob@example.org')
    const email = 'bob@example.org'
    expect(await status(token({ email, email_verified: true }))).toBe('200')
    for (const verified of [undefined, false, 'true', 1]) {
      expect(await status(token({ email, email_verified: verified }))).toBe('403 ERR_ADMIN_NO_ROLE')
    }
    // A claim counts as itself, whatever text is in it.
    expect(await status(token({ sub: 'platform', groups: ['bob@example.org'] }))).toBe('403 ERR_ADMIN_NO_ROLE')
  })
})

describe('keys of an issuer', () => {
  it('are got again for a key that is new, and no more often than every ten seconds', async () => {
    const { issuer, test, token, status, grant } = await start()
    await grant('sub', 'alice')
    expect(await status(token())).toBe('200')
    issuer.state.keys = [generateSigningKey('ES256', { kid: 'k2' })]
    test.clock.jump(11)
    expect(await status(token())).toBe('200')
    const asked = issuer.requests.length
    for (let tries = 0; tries < 5; tries++)
      expect(await status(token({}, { kid: `k${tries + 3}` }))).toBe('401 ERR_ADMIN_TOKEN')
    expect(issuer.requests.length).toBe(asked)
  })

  it('count for an hour when the issuer is away, and then no more', async () => {
    const { issuer, test, token, status, grant } = await start()
    await grant('sub', 'alice')
    expect(await status(token())).toBe('200')
    issuer.state.isAway = true
    test.clock.jump(3500)
    expect(await status(token())).toBe('200')
    test.clock.jump(101)
    expect(await status(token())).toBe('503 ERR_ADMIN_TOKEN_KEYS')
    issuer.state.isAway = false
    test.clock.jump(11)
    expect(await status(token())).toBe('200')
  })

  it.each([
    ['of another issuer', { issuer: 'https://other.example' }],
    ['nowhere', { jwks_uri: undefined }],
    ['at an address that is not public', { jwks_uri: 'https://10.0.0.1/jwks' }],
    ['without encryption', { jwks_uri: 'http://localhost/jwks' }],
    ['in a file', { jwks_uri: 'file:///etc/passwd' }],
  ])('are not taken from metadata that says they are %s', async (_name, metadata) => {
    const { issuer, token, status, grant, test } = await start()
    await grant('sub', 'alice')
    issuer.state.metadata = metadata
    expect(await status(token())).toBe('503 ERR_ADMIN_TOKEN_KEYS')
    issuer.state.metadata = {}
    test.clock.jump(11)
    expect(await status(token())).toBe('200')
  })

  it('that were withdrawn count for ten minutes at most, while the issuer can be asked', async () => {
    const { issuer, test, token, status, grant } = await start()
    await grant('sub', 'alice')
    const before = token({ exp: test.clock.now() + 3600 })
    expect(await status(before)).toBe('200')
    issuer.state.keys = [generateSigningKey('ES256', { kid: 'k2' })]
    expect(await status(before)).toBe('200')
    test.clock.jump(601)
    expect(await status(before)).toBe('401 ERR_ADMIN_TOKEN')
  })

  it('are not taken from where the issuer is said to have gone', async () => {
    const { issuer, token, status, grant, test } = await start()
    await grant('sub', 'alice')
    issuer.state.redirect = '/elsewhere'
    expect(await status(token())).toBe('503 ERR_ADMIN_TOKEN_KEYS')
    issuer.state.redirect = undefined
    test.clock.jump(11)
    expect(await status(token())).toBe('200')
  })

  it('are not fetched from this machine unless that is allowed', async () => {
    const { issuer, token, status } = await start({ allowedAddresses: [] })
    expect(await status(token())).toBe('503 ERR_ADMIN_TOKEN_KEYS')
    expect(issuer.requests).toEqual([])
  })

  it('can be pinned in a file', async () => {
    const issuer = await startOidcIssuer()
    const keysFile = join(await temporaryFolder(), 'keys.json')
    await writeFile(keysFile, JSON.stringify({ keys: issuer.state.keys.map((key) => key.publicJwk) }))
    const oidc = [{ issuer: issuer.url, audience: AUDIENCE, keysFile }]
    const test = await startTestServer({ config: { admin: { oidc } } })
    await grantRole(test, {
      subject: { issuer: issuer.url, claim: 'sub', value: 'alice' },
      role: 'viewer',
      prefix: '/',
    })
    const ask = () => callHttps(`${test.server.machineUrl}/v1/status`, bearer(issuer.token(test.clock.now())))
    expect((await ask()).status).toBe(200)
    expect(issuer.requests).toEqual([])
  })
})
