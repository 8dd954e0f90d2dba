/** Whoever acts for somebody without leave, under another's name, or in too long a chain. */
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { decodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  anyOf,
  credentialsForm,
  expectRefusal,
  GATEWAY,
  GRANT,
  gatewayParty,
  LIBERAL_RULES,
  LOGIN,
  loginKey,
  startAttackWorld,
  TYPE,
  toOrders,
} from '../../test-support/attack-world.ts'
import { CLUSTER, ISSUER, ORDERS, WORKLOAD } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const claimsOf = (token: string) => decodeToken(token).claims
const chainOf = (length: number): { subject: string } => ({
  subject: `actor-${length}`,
  ...(length > 1 ? { previous: chainOf(length - 1) } : {}),
})

describe('a chain of actors', () => {
  it('is refused when it is too long, or would become so', async () => {
    const test = await startAttackWorld()
    expect((await test.exchange(test.accessToken({ actor: chainOf(7) }), TYPE.access)).status).toBe(200)
    for (const length of [8, 9, 12]) {
      expectRefusal(
        await test.exchange(test.accessToken({ actor: chainOf(length) }), TYPE.access),
        '400 invalid_request',
      )
    }
    const [, ...others] = LIBERAL_RULES
    const short = await startAttackWorld({
      rules: [
        {
          name: 'short',
          grant: 'token-exchange',
          subject: anyOf('access-token', 'login'),
          client: gatewayParty,
          to: { ...toOrders, maxActors: 2 },
        },
        ...others.slice(-1),
      ],
    })
    expect((await short.exchange(short.accessToken({ actor: chainOf(1) }), TYPE.access)).status).toBe(200)
    expectRefusal(await short.exchange(short.accessToken({ actor: chainOf(2) }), TYPE.access), '400 invalid_request')
  })

  it('is refused when it is none', async () => {
    const test = await startAttackWorld()
    const deep = JSON.parse(`${'{"sub":"a","act":'.repeat(14)}{"sub":"a"}${'}'.repeat(14)}`)
    for (const act of [
      null,
      'alice',
      7,
      [],
      {},
      { sub: '' },
      { sub: 7 },
      { sub: 'a', iss: 7 },
      { sub: 'a', act: {} },
      deep,
    ]) {
      const token = mutateToken(test.accessToken(), { claims: { act }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
    }
    const name = { sub: 'x'.repeat(2049) }
    const long = mutateToken(test.accessToken(), { claims: { act: name }, key: loginKey })
    expectRefusal(await test.exchange(long, TYPE.access), '400 invalid_request')
  })

  it('keeps those who acted before also where a rule hides who acts now', async () => {
    const hiding = {
      name: 'hide',
      grant: 'token-exchange',
      subject: anyOf('access-token', 'login'),
      client: gatewayParty,
      to: { ...toOrders, acting: 'impersonation' },
    }
    const test = await startAttackWorld({ rules: [hiding] })
    const plain = claimsOf(await test.granted(test.exchange(test.accessToken(), TYPE.access)))
    expect(plain).toMatchObject({ sub: 'login/alice', client_id: GATEWAY })
    expect(plain['act']).toBeUndefined()
    const actor = { subject: 'portal' }
    const chained = claimsOf(await test.granted(test.exchange(test.accessToken({ actor }), TYPE.access)))
    expect(chained['act']).toEqual({ sub: 'portal', iss: LOGIN })
  })
})

describe('may_act', () => {
  const mayAct = (test: { accessToken(): string }, may_act: unknown) =>
    mutateToken(test.accessToken(), { claims: { may_act }, key: loginKey })

  it('lets those act that it names, in every word of it', async () => {
    const test = await startAttackWorld()
    const iss = 'spiffe://example.org'
    for (const meant of [
      { sub: GATEWAY },
      { sub: GATEWAY, iss },
      { client_id: GATEWAY },
      { sub: GATEWAY, client_id: GATEWAY },
    ]) {
      expect((await test.exchange(mayAct(test, meant), TYPE.access)).status, JSON.stringify(meant)).toBe(200)
    }
    for (const other of [
      { sub: 'other' },
      { sub: `${GATEWAY}/b` },
      { sub: GATEWAY, iss: LOGIN },
      { sub: GATEWAY, client_id: 'other' },
      { client_id: 'other' },
    ]) {
      expectRefusal(await test.exchange(mayAct(test, other), TYPE.access), '400 invalid_request')
    }
  })

  it('refuses the token where it is not understood: to pass over it would let everybody act', async () => {
    const test = await startAttackWorld()
    for (const odd of [
      null,
      'x',
      7,
      [],
      [{ sub: GATEWAY }],
      {},
      { iss: LOGIN },
      { sub: '' },
      { sub: [GATEWAY] },
      { sub: GATEWAY, role: 'x' },
    ]) {
      expectRefusal(await test.exchange(mayAct(test, odd), TYPE.access), '400 invalid_request')
    }
  })

  it('means the actor where one comes, and not whoever sends its token', async () => {
    const test = await startAttackWorld()
    const actor = (subject: string) => ({ actor_token: test.accessToken({ subject }), actor_token_type: TYPE.access })
    const meant = mayAct(test, { sub: 'bob' })
    expect((await test.exchange(meant, TYPE.access, actor('bob'))).status).toBe(200)
    expectRefusal(await test.exchange(meant, TYPE.access, actor('eve')), '400 invalid_request')
    expectRefusal(await test.exchange(meant, TYPE.access), '400 invalid_request')
    expectRefusal(await test.exchange(mayAct(test, { sub: GATEWAY }), TYPE.access, actor('bob')), '400 invalid_request')
  })

  it('means nobody of another issuer by a name alone', async () => {
    const pod = { profile: 'service-account', issuer: 'cluster', subject: [WORKLOAD] }
    const rule = {
      name: 'pod',
      grant: 'token-exchange',
      subject: anyOf('access-token', 'login'),
      client: pod,
      to: toOrders,
    }
    const test = await startAttackWorld({ rules: [rule] })
    const asPod = (subject_token: string) =>
      test.post({
        ...credentialsForm(test.serviceAccountToken()),
        grant_type: GRANT.exchange,
        subject_token,
        subject_token_type: TYPE.access,
      })
    // Its user who happens to have the name of the pod, or the pod?
    expectRefusal(await asPod(mayAct(test, { sub: WORKLOAD })), '400 invalid_request')
    expect((await asPod(mayAct(test, { sub: WORKLOAD, iss: CLUSTER }))).status).toBe(200)
    expect((await asPod(mayAct(test, { sub: `k8s/${WORKLOAD}` }))).status).toBe(200)
  })
})

describe('an actor token', () => {
  it('is as good as a subject token or refused, and named in the new one', async () => {
    const test = await startAttackWorld()
    const now = test.clock.now()
    const by = (actor_token: string, actor_token_type: string = TYPE.access) =>
      test.exchange(test.accessToken(), TYPE.access, { actor_token, actor_token_type })
    const token = await test.granted(by(test.accessToken({ subject: 'bob' })))
    expect(claimsOf(token)).toMatchObject({ sub: 'login/alice', act: { sub: 'login/bob' } })
    expectRefusal(await by(test.accessToken({ expiresAt: now - 60, issuedAt: 1 })), '400 invalid_request')
    expectRefusal(
      await by(test.accessToken({}, generateSigningKey('ES256', { kid: 'login-1' }))),
      '400 invalid_request',
    )
    expectRefusal(await by(test.accessToken({ audience: ['https://portal.example'] })), '400 invalid_request')
    const bound = { confirmation: { kind: 'jkt', thumbprint: 'A'.repeat(43) } }
    expectRefusal(await by(test.accessToken(bound)), '400 invalid_request')
    // It ends what comes of it as well.
    const { body } = await by(test.accessToken({ expiresAt: now + 5 }))
    expect(body.expires_in).toBe(5)
    // A type without a token, and a token without its type.
    const subject = { grant_type: GRANT.exchange, subject_token: test.accessToken(), subject_token_type: TYPE.access }
    for (const half of [{ actor_token: test.accessToken() }, { actor_token_type: TYPE.access }]) {
      expectRefusal(await test.post({ ...subject, audience: ORDERS, ...half }, test.witFields()), '400 invalid_request')
    }
  })

  it('is taken where a rule names it alone', async () => {
    const plain = LIBERAL_RULES.filter((rule) => !('actor' in rule))
    const test = await startAttackWorld({ rules: plain })
    const actor = { actor_token: test.accessToken(), actor_token_type: TYPE.access }
    expectRefusal(await test.exchange(test.accessToken(), TYPE.access, actor), '400 invalid_request')
    const acting = await startAttackWorld({ rules: LIBERAL_RULES.filter((rule) => 'actor' in rule) })
    expectRefusal(await acting.exchange(acting.accessToken(), TYPE.access), '400 invalid_request')
  })

  it('is not asked for by a token of another client that may do more', async () => {
    const test = await startAttackWorld()
    const exchange = { grant_type: GRANT.exchange, subject_token: test.accessToken(), subject_token_type: TYPE.access }
    // The pod has a rule for itself, and none for users.
    const asPod = { ...credentialsForm(test.serviceAccountToken()), ...exchange, audience: ORDERS }
    expectRefusal(await test.post(asPod), '400 unauthorized_client')
    const withActor = { ...asPod, actor_token: await test.jwtSvid(ISSUER), actor_token_type: TYPE.jwtSvid }
    expectRefusal(await test.post(withActor), '400 unauthorized_client')
  })
})
