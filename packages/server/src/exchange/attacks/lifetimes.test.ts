/** Tokens that would live longer than what they come from, at once or by going round. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  anyOf,
  bearerForm,
  credentialsForm,
  expectRefusal,
  FOR_TRANSACTION,
  GRANT,
  gatewayParty,
  loginKey,
  startAttackWorld,
  TYPE,
  toOrders,
} from '../../test-support/attack-world.ts'
import { ISSUER } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const claimsOf = (token: string) => decodeToken(token).claims
const form = (more: Readonly<Record<string, string>>) => more

describe('the end of a token', () => {
  /** All that can become something that can be exchanged again. */
  const rules = (test: object) => [test]

  it('is that of what it began with, however often and by whatever types it is exchanged', async () => {
    const to = (profile: string, more: object = {}) => ({
      profile,
      audience: [ISSUER],
      binding: 'none',
      ttl: 3600,
      ...more,
    })
    const kinds = ['access-token', 'jwt-svid'] as const
    const test = await startAttackWorld({
      rules: [
        ...rules({
          name: 'own',
          grant: 'client_credentials',
          subject: anyOf('jwt-svid', 'example.org'),
          to: to('access-token'),
        }),
        ...kinds.flatMap((from) =>
          kinds.map((profile) => ({
            name: `${from} to ${profile}`,
            grant: 'token-exchange',
            subject: anyOf(from, from === 'access-token' ? 'self' : 'example.org'),
            client: anyOf('jwt-svid', 'example.org'),
            to: to(profile, { acting: 'impersonation' }),
          })),
        ),
      ],
    })
    const typeOf = { 'access-token': TYPE.access, 'jwt-svid': TYPE.jwtSvid }
    const SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
    let svid = await test.jwtSvid()
    const end = claimsOf(svid)['exp'] as number
    // By nothing but what it was given: each round it is its own subject and its own client.
    let held = await test.granted(test.post({ ...credentialsForm(svid, SPIFFE), audience: ISSUER }))
    expect(claimsOf(held)['exp']).toBeLessThanOrEqual(end)
    let kind: (typeof kinds)[number] = 'access-token'
    for (let round = 0; round < 8; round++) {
      const left = end - test.clock.now()
      await test.clock.advance(Math.floor(left / 2))
      const next = kinds[(round + 1) % 2] ?? 'jwt-svid'
      const ask = {
        ...credentialsForm(svid, SPIFFE),
        grant_type: GRANT.exchange,
        audience: ISSUER,
        subject_token: held,
        subject_token_type: typeOf[kind],
        requested_token_type: typeOf[next],
      }
      held = await test.granted(test.post(ask))
      expect(claimsOf(held)['exp']).toBeLessThanOrEqual(end)
      kind = next
      if (kind === 'jwt-svid') svid = held
    }
    await test.clock.advance(end - test.clock.now())
    const late = {
      ...credentialsForm(svid, SPIFFE),
      grant_type: GRANT.exchange,
      audience: ISSUER,
      subject_token: held,
      subject_token_type: typeOf[kind],
      requested_token_type: TYPE.access,
    }
    expectRefusal(await test.post(late), '400 invalid_request')
    await test.clock.advance(31)
    expectRefusal(await test.post(late), '401 invalid_client')
  })

  it('does not move for a WIT that is exchanged for another one, with a new key each time', async () => {
    const again = {
      name: 'again',
      grant: 'token-exchange',
      subject: anyOf('wit', 'example.org'),
      to: { profile: 'wit', audience: ['example.org'], ttl: 86_400 },
    }
    const test = await startAttackWorld({ rules: [again] })
    const end = claimsOf(test.wit)['exp'] as number
    let [wit, key] = [test.wit, test.key]
    for (let round = 0; round < 6; round++) {
      await test.clock.advance(Math.floor((end - test.clock.now()) / 2))
      const next = generateSigningKey('ES256')
      const ask = form({
        grant_type: GRANT.exchange,
        subject_token: wit,
        subject_token_type: TYPE.wit,
        requested_token_type: TYPE.wit,
      })
      const fields = { ...test.witFields(wit, key), dpop: test.dpop(next) }
      const token = await test.granted(test.post(ask, fields))
      expect(claimsOf(token)['exp']).toBeLessThanOrEqual(end)
      wit = token
      key = next
    }
    await test.clock.advance(end - test.clock.now())
    const ask = form({
      grant_type: GRANT.exchange,
      subject_token: wit,
      subject_token_type: TYPE.wit,
      requested_token_type: TYPE.wit,
    })
    expectRefusal(await test.post(ask, test.witFields(wit, key)), '400 invalid_request')
  })

  it('does not move for a transaction, whose tokens are replaced a few times and then no more', async () => {
    const test = await startAttackWorld()
    let token = await test.granted(test.exchange(test.accessToken(), TYPE.access, FOR_TRANSACTION))
    const { exp: end, txn } = claimsOf(token)
    for (let round = 0; round < 7; round++) {
      await test.clock.advance(20)
      token = await test.granted(test.exchange(token, TYPE.txn, FOR_TRANSACTION))
      expect(claimsOf(token)).toMatchObject({ exp: end, txn })
    }
    expectRefusal(await test.exchange(token, TYPE.txn, FOR_TRANSACTION), '400 invalid_request')
  })

  it('is looked at again when the token is made: what ended between the checks gives nothing', async () => {
    const test = await startAttackWorld()
    const now = test.clock.now()
    // Still good by the clock's tolerance, and over for whatever would come from it.
    const over = [now - 1, now - 29, now, now + 0.5]
    for (const expiresAt of over) {
      const token = test.accessToken({ expiresAt, issuedAt: now - 100 })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
      const exp = { exp: expiresAt, iat: now - 100, nbf: now - 100 }
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken(exp))), '400 invalid_request')
      expectRefusal(await test.post(bearerForm(test.grant({ expiresAt, issuedAt: now - 100 }))), '400 invalid_request')
    }
    expectRefusal(
      await test.exchange(test.accessToken({ expiresAt: now - 30, issuedAt: 1 }), TYPE.access),
      '400 invalid_request',
    )
    expectRefusal(await test.post(bearerForm(test.grant({ expiresAt: now - 30, issuedAt: 1 }))), '400 invalid_grant')
    expectRefusal(await test.post(credentialsForm(test.serviceAccountToken({ exp: now - 30 }))), '401 invalid_client')
    const { body } = await test.exchange(test.accessToken({ expiresAt: now + 1 }), TYPE.access)
    expect(body.expires_in).toBe(1)
  })

  it('is a time, and not beyond what the operator set for the issuer', async () => {
    const test = await startAttackWorld({ cluster: { maxLifetime: 3600 } })
    const now = test.clock.now()
    for (const exp of ['soon', '99999999999', null, undefined, [now + 60], true, {}]) {
      const access = mutateToken(test.accessToken(), { claims: { exp }, key: loginKey })
      expectRefusal(await test.exchange(access, TYPE.access), '400 invalid_request')
      expectRefusal(await test.exchange(test.idToken({ exp }), TYPE.id), '400 invalid_request')
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken({ exp }))), '401 invalid_client')
    }
    for (const exp of [now + 3700, now + 1e9, 1e300]) {
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken({ exp }))), '401 invalid_client')
      expectRefusal(await test.post(credentialsForm(test.assertion({ exp }))), '401 invalid_client')
    }
    for (const claims of [{ nbf: now + 60 }, { nbf: 'x' }, { iat: 'x' }]) {
      expectRefusal(await test.post(credentialsForm(test.serviceAccountToken(claims))), '401 invalid_client')
    }
    const login = (maxLifetime: number) => ({
      rules: [
        {
          name: 'a',
          grant: 'token-exchange',
          subject: anyOf('access-token', 'login'),
          client: gatewayParty,
          to: toOrders,
        },
      ],
      issuers: [
        {
          name: 'login',
          issuer: 'https://login.example',
          profiles: ['access-token'],
          jwks: { keys: [loginKey.publicJwk] },
          subjectPrefix: 'login/',
          maxLifetime,
        },
      ],
    })
    const short = await startAttackWorld(login(200))
    expectRefusal(await short.exchange(short.accessToken(), TYPE.access), '400 invalid_request')
    expect((await short.exchange(short.accessToken({ expiresAt: now + 200 }), TYPE.access)).status).toBe(200)
  })
})
