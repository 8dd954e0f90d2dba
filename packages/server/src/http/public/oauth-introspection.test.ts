import { decodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  assertionForm,
  ISSUER,
  ORDERS,
  oauthError,
  startTokenService,
  WORKLOAD,
  WORKLOAD_RULE,
} from '../../test-support/token-service-world.ts'

// Whole servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const SERVICE = 'system:serviceaccount:shop:orders'
const ACCESS = 'urn:ietf:params:oauth:token-type:access_token'

/** The workload holds a token for the orders service, which may ask about its own. */
async function start() {
  const test = await startTokenService({
    cluster: { reuse: true },
    rules: [
      WORKLOAD_RULE,
      {
        name: 'pass on',
        grant: 'token-exchange',
        subject: { profile: 'access-token', issuer: 'self', anySubject: true, audience: [ORDERS] },
        client: { profile: 'service-account', issuer: 'cluster', subject: [SERVICE] },
        to: { profile: 'access-token', audience: ['https://billing.example'], scopes: ['orders.read'] },
      },
    ],
    resourceServers: [
      { client: { profile: 'service-account', issuer: 'cluster', subject: [SERVICE] }, audience: [ORDERS] },
    ],
  })
  const { body } = await test.ask(test.serviceAccountToken(), { scope: 'orders.read' })
  const token: string = body.access_token
  const asked = (path: string) => (form: Readonly<Record<string, string>>, sub: string) =>
    test.post({ ...form, ...assertionForm(test.serviceAccountToken({ sub })) }, {}, `/oauth2/${path}`)
  return { ...test, token, introspect: asked('introspect'), revoke: asked('revoke') }
}

describe('introspection', () => {
  it('tells a resource server what a token for it says', async () => {
    const test = await start()
    const reply = await test.introspect({ token: test.token }, SERVICE)
    const { jti, iat, exp } = decodeToken(test.token).claims
    expect(reply.status).toBe(200)
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.body).toEqual({
      active: true,
      iss: ISSUER,
      sub: WORKLOAD,
      aud: [ORDERS],
      client_id: WORKLOAD,
      scope: 'orders.read',
      token_type: 'Bearer',
      jti,
      iat,
      exp,
    })
  })

  it('tells nobody else anything, and of no other token', async () => {
    const test = await start()
    const inactive = { active: false }
    expect((await test.introspect({ token: test.token }, WORKLOAD)).body).toEqual(inactive)
    expect((await test.introspect({ token: 'x' }, SERVICE)).body).toEqual(inactive)
    expect((await test.introspect({ token: test.serviceAccountToken() }, SERVICE)).body).toEqual(inactive)
    const changed = mutateToken(test.token, { claims: { scope: 'orders.write' } })
    expect((await test.introspect({ token: changed }, SERVICE)).body).toEqual(inactive)
    test.clock.jump(300)
    expect((await test.introspect({ token: test.token }, SERVICE)).body).toEqual(inactive)
  })

  it('needs a client and a token', async () => {
    const test = await start()
    expect(oauthError(await test.post({ token: test.token }, {}, '/oauth2/introspect'))).toBe('401 invalid_client')
    expect(oauthError(await test.introspect({}, SERVICE))).toBe('400 invalid_request')
  })
})

describe('revocation', () => {
  it('takes a token back, for introspection and for exchange', async () => {
    const test = await start()
    const passOn = () =>
      test.post({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: test.token,
        subject_token_type: ACCESS,
        ...assertionForm(test.serviceAccountToken({ sub: SERVICE })),
      })
    expect((await passOn()).status).toBe(200)
    expect((await test.revoke({ token: test.token }, WORKLOAD)).status).toBe(200)
    expect((await test.introspect({ token: test.token }, SERVICE)).body).toEqual({ active: false })
    expect(oauthError(await passOn())).toBe('400 invalid_request')
    expect(test.log.events('token.revoked')).toEqual([expect.objectContaining({ client: WORKLOAD })])
    // Again is no error: RFC 7009 section 2.2.
    expect((await test.revoke({ token: test.token }, WORKLOAD)).status).toBe(200)
    const { body } = await test.ask(test.serviceAccountToken())
    expect((await test.introspect({ token: body.access_token }, SERVICE)).body).toMatchObject({ active: true })
  })

  it('is for the client alone that the token was given to', async () => {
    const test = await start()
    expect(oauthError(await test.revoke({ token: test.token }, SERVICE))).toBe('400 unauthorized_client')
    expect((await test.introspect({ token: test.token }, SERVICE)).body).toMatchObject({ active: true })
    expect(oauthError(await test.post({ token: test.token }, {}, '/oauth2/revoke'))).toBe('401 invalid_client')
  })

  it('has nothing to do for what is no token, and cannot take back what is none of its kind', async () => {
    const test = await start()
    expect((await test.revoke({ token: 'x' }, WORKLOAD)).status).toBe(200)
    const other = test.serviceAccountToken()
    expect(oauthError(await test.revoke({ token: other }, WORKLOAD))).toBe('400 unsupported_token_type')
    expect(oauthError(await test.revoke({}, WORKLOAD))).toBe('400 invalid_request')
  })
})
