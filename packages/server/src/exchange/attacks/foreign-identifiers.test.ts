/** Issuers that name somebody whom they must not name: a workload, a user of another issuer, this service. */
import { generateSigningKey, type NodeSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, encodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  anyOf,
  bearerForm,
  credentialsForm,
  expectRefusal,
  GATEWAY,
  gatewayParty,
  LOGIN,
  loginKey,
  PARTNER,
  partnerKey,
  startAttackWorld,
  TYPE,
  toOrders,
} from '../../test-support/attack-world.ts'
import { CLUSTER, ISSUER, ORDERS } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

/** Names that a login server must not give, also where its names have no prefix. */
const FORBIDDEN = [
  GATEWAY,
  'SPIFFE://example.org/gateway',
  'spiffe://EXAMPLE.org/gateway',
  'spiffe://example.org/%67ateway',
  'spiffe://example.org',
  'spiffe://other.example/a',
  'wimse://example.org/gateway',
  'spiffe:example.org/gateway',
  'urn:countersign:unsigned-json:alice',
  'URN:countersign:self-signed:spiffe://example.org/gateway:alice',
]

/** One issuer alone, so that nothing need be put before its names. */
const startAlone = () =>
  startAttackWorld({
    rules: [
      {
        name: 'of a user',
        grant: 'token-exchange',
        subject: anyOf('access-token', 'login'),
        client: gatewayParty,
        to: toOrders,
      },
      {
        name: 'by somebody',
        grant: 'token-exchange',
        subject: anyOf('access-token', 'login'),
        client: gatewayParty,
        actor: anyOf('access-token', 'login'),
        to: toOrders,
      },
    ],
    issuers: [],
    cluster: {
      name: 'login',
      issuer: LOGIN,
      profiles: ['access-token', 'oidc-id-token'],
      jwks: { keys: [loginKey.publicJwk] },
      subjectPrefix: '',
    },
    tokenService: { clients: [] },
  })

describe('an issuer that is no trust domain', () => {
  it('names no workload and nobody whom a workload spoke for, as subject or as actor', async () => {
    const test = await startAlone()
    for (const subject of FORBIDDEN) {
      expectRefusal(await test.exchange(test.accessToken({ subject }), TYPE.access), '400 invalid_request')
      const actor = { actor_token: test.accessToken({ subject }), actor_token_type: TYPE.access }
      expectRefusal(await test.exchange(test.accessToken(), TYPE.access, actor), '400 invalid_request')
    }
    const granted = await test.granted(test.exchange(test.accessToken(), TYPE.access))
    expect(decodeToken(granted).claims).toMatchObject({ sub: 'alice', act: { sub: GATEWAY } })
  })

  it('names no workload of this trust domain among those who acted before, at any depth', async () => {
    const test = await startAlone()
    for (const subject of [GATEWAY, 'SPIFFE://example.org/x', 'wimse://example.org/gateway']) {
      for (const actor of [{ subject }, { subject: 'portal', previous: { subject: 'app', previous: { subject } } }]) {
        expectRefusal(await test.exchange(test.accessToken({ actor }), TYPE.access), '400 invalid_request')
      }
    }
    const own = { subject: 'batch', issuer: ISSUER }
    expectRefusal(await test.exchange(test.accessToken({ actor: own }), TYPE.access), '400 invalid_request')
  })

  it('has its name beside those who acted before, so that none is taken for one of ours', async () => {
    const test = await startAlone()
    const actor = { subject: 'batch', previous: { subject: 'app', issuer: 'https://third.example' } }
    const token = await test.granted(test.exchange(test.accessToken({ actor }), TYPE.access))
    expect(decodeToken(token).claims['act']).toEqual({
      sub: GATEWAY,
      act: { sub: 'batch', iss: LOGIN, act: { sub: 'app', iss: 'https://third.example' } },
    })
    // Once ours, the chain stays as it is.
    const again = await startAttackWorld()
    const first = await again.granted(again.exchange(again.accessToken({ actor }), TYPE.access))
    const second = await again.granted(again.exchange(first, TYPE.access))
    expect(decodeToken(second).claims['act']).toEqual(decodeToken(first).claims['act'])
  })

  it('is believed by its own key alone, and for its own name', async () => {
    const test = await startAttackWorld()
    const now = test.clock.now()
    const grantBy = (key: typeof loginKey, iss: string) =>
      encodeToken(
        { alg: 'ES256', kid: key.publicJwk.kid, typ: 'authorization-grant+jwt' },
        { iss, sub: 'bob', aud: ISSUER, iat: now, exp: now + 60 },
        key,
      )
    for (const [key, iss] of [
      [loginKey, PARTNER],
      [partnerKey, LOGIN],
      [loginKey, LOGIN],
      [partnerKey, ISSUER],
    ] as const) {
      expectRefusal(await test.post(bearerForm(grantBy(key, iss))), '400 invalid_grant')
    }
    for (const iss of [PARTNER, CLUSTER, ISSUER, `${LOGIN}/`, 'https://LOGIN.example', 'batch', '', 7, [LOGIN]]) {
      const token = mutateToken(test.accessToken(), { claims: { iss }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
      expectRefusal(await test.exchange(test.idToken({ iss }), TYPE.id), '400 invalid_request')
    }
    // The partner vouches for grants only, the login server not for clients.
    const byPartner = test.accessToken({}, partnerKey)
    expectRefusal(await test.exchange(byPartner, TYPE.access), '400 invalid_request')
    const workload = test.idToken({ sub: 'system:serviceaccount:test:default', nonce: undefined })
    expectRefusal(await test.post(credentialsForm(workload)), '401 invalid_client')
    expectRefusal(await test.exchange(workload, TYPE.jwt), '400 invalid_request')
  })

  it('speaks for its own tenant alone', async () => {
    const tenants = { requiredClaims: { tid: ['t1'], 'org/unit': ['a', 'b'] } }
    const issuer = (name: string, url: string, profile: string, key: typeof loginKey) => ({
      name,
      issuer: url,
      profiles: [profile],
      jwks: { keys: [key.publicJwk] },
      subjectPrefix: `${name}/`,
      ...tenants,
    })
    const test = await startAttackWorld({
      rules: [
        {
          name: 'a',
          grant: 'token-exchange',
          subject: anyOf('access-token', 'login'),
          client: gatewayParty,
          to: toOrders,
        },
        {
          name: 'g',
          grant: 'jwt-bearer',
          subject: anyOf('authorization-grant', 'partner'),
          client: 'none',
          to: toOrders,
        },
        { name: 'c', grant: 'client_credentials', subject: anyOf('service-account', 'cluster'), to: toOrders },
      ],
      cluster: tenants,
      issuers: [
        issuer('login', LOGIN, 'access-token', loginKey),
        issuer('partner', PARTNER, 'authorization-grant', partnerKey),
      ],
    })
    const good = { tid: 't1', org: { unit: 'b' } }
    const asked = async (claims: object) => [
      await test.exchange(test.accessToken({ claims }), TYPE.access),
      await test.post(bearerForm(test.grant({ claims }))),
      await test.post(credentialsForm(test.serviceAccountToken(claims))),
    ]
    for (const reply of await asked(good)) expect(reply.status).toBe(200)
    const bad = [{}, { tid: 't1' }, { ...good, tid: 't2' }, { ...good, tid: 1 }, { ...good, tid: null }]
    for (const claims of [...bad, { ...good, org: 'b' }, { ...good, org: ['b'] }, { ...good, tid: 'T1' }]) {
      const [access, grant, client] = await asked(claims)
      expectRefusal(access as never, '400 invalid_request')
      expectRefusal(grant as never, '400 invalid_grant')
      expectRefusal(client as never, '401 invalid_client')
    }
  })
})

describe('a trust domain', () => {
  const foreignWit = generateSigningKey('ES256', { kid: 'w-1' })
  const foreignJwt = generateSigningKey('ES256', { kid: 'j-1' })

  /** This server believes another trust domain, whose keys the test has. */
  async function startFederated() {
    const test = await startAttackWorld()
    const setKeys = async (wit: NodeSigningKey, jwt: NodeSigningKey) => {
      const keys = [
        { ...wit.publicJwk, use: 'wit-svid' },
        { ...jwt.publicJwk, use: 'jwt-svid' },
      ]
      const put = await test.admin('/v1/bundles/partner.example', { method: 'PUT', body: { keys } })
      expect(put.status, put.text).toBe(200)
    }
    await setKeys(foreignWit, foreignJwt)
    return { ...test, setKeys }
  }

  it('speaks for its own workloads alone', async () => {
    const test = await startFederated()
    const { clock, key } = test
    const now = clock.now()
    const { kty, crv, x, y } = key.publicJwk
    const witOf = (sub: string, signer = foreignWit) =>
      encodeToken(
        { alg: 'ES256', typ: 'wit+jwt', kid: signer.publicJwk.kid },
        { sub, exp: now + 60, iat: now, jti: 'x', cnf: { jwk: { kty, crv, x, y, alg: 'ES256' } } },
        signer,
      )
    const svidOf = (sub: string, signer = foreignJwt) =>
      encodeToken(
        { alg: 'ES256', typ: 'JWT', kid: signer.publicJwk.kid },
        { sub, aud: [ISSUER], exp: now + 60, iat: now },
        signer,
      )
    const byWit = (wit: string) =>
      test.post({ grant_type: 'client_credentials', audience: ORDERS }, test.witFields(wit))
    const bySvid = (svid: string) => test.post(credentialsForm(svid, SPIFFE_ASSERTION))
    for (const sub of [GATEWAY, 'spiffe://example.org/b', 'spiffe://third.example/a', 'wimse://partner.example/a']) {
      expectRefusal(await byWit(witOf(sub)), '401 invalid_client')
      expectRefusal(await bySvid(svidOf(sub)), '401 invalid_client')
      expectRefusal(await test.exchange(svidOf(sub), TYPE.jwtSvid), '400 invalid_request')
    }
    // Of its own it may, and then only rules decide: those here know workloads of this trust domain.
    expectRefusal(await byWit(witOf('spiffe://partner.example/a')), '400 unauthorized_client')
    expectRefusal(await bySvid(svidOf('spiffe://partner.example/a')), '400 unauthorized_client')
    // Each key for its own kind of token.
    expectRefusal(await byWit(witOf('spiffe://partner.example/a', foreignJwt)), '401 invalid_client')
    expectRefusal(await bySvid(svidOf('spiffe://partner.example/a', foreignWit)), '401 invalid_client')
    // And as soon as its keys are others, those before count for nobody.
    await test.setKeys(generateSigningKey('ES256', { kid: 'w-1' }), generateSigningKey('ES256', { kid: 'j-1' }))
    await vi.waitFor(async () => expectRefusal(await byWit(witOf('spiffe://partner.example/a')), '401 invalid_client'))
    expectRefusal(await bySvid(svidOf('spiffe://partner.example/a')), '401 invalid_client')
  })

  it("is not this one's, as grants of another domain's server have it", async () => {
    const test = await startAttackWorld()
    for (const subject of [GATEWAY, 'SPIFFE://EXAMPLE.ORG/gateway', 'wimse://example.org/a']) {
      expectRefusal(await test.post(bearerForm(test.grant({ subject }))), '400 invalid_grant')
      const nested = { subject: 'app', previous: { subject } }
      for (const actor of [{ subject }, nested]) {
        expectRefusal(await test.post(bearerForm(test.grant({ actor }))), '400 invalid_grant')
      }
    }
    const back = { subject: 'app', issuer: ISSUER }
    expectRefusal(await test.post(bearerForm(test.grant({ actor: back }))), '400 invalid_grant')
  })
})

describe('a subject in odd letters', () => {
  it('is no other subject, and breaks nothing', async () => {
    const test = await startAttackWorld()
    const odd = [
      'ａlice',
      'alice\u200b',
      'ali\u0301ce',
      'аlice',
      '\u202ealice',
      'alice\u0000',
      'alice\n{"level":60}',
      '🦊',
      ' ',
    ]
    for (const subject of odd) {
      const token = await test.granted(test.exchange(test.accessToken({ subject }), TYPE.access))
      // Byte for byte what the issuer said, behind the issuer's prefix.
      expect(decodeToken(token).claims['sub']).toBe(`login/${subject}`)
    }
    // Half a letter is none, and neither is a list, or nothing.
    for (const sub of ['', ['alice'], { a: 'alice' }, 7, null, undefined]) {
      const token = mutateToken(test.accessToken(), { claims: { sub }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
      expectRefusal(await test.exchange(test.idToken({ sub }), TYPE.id), '400 invalid_request')
    }
    for (const sub of [
      'spiffe://exämple.org/a',
      'spiffe://example.org/ä',
      'spiffe://example.org/a\u0000',
      'spiffe://',
    ]) {
      const token = mutateToken(await test.jwtSvid(), { claims: { sub } })
      expectRefusal(await test.post(credentialsForm(token, SPIFFE_ASSERTION)), '401 invalid_client')
      expectRefusal(await test.exchange(token, TYPE.jwtSvid), '400 invalid_request')
    }
    for (const line of test.log.text.split('\n')) expect(line).not.toMatch(/^\{"level":60\}/)
  })
})
