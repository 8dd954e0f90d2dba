/** Tokens that would say more or reach further than what they come from. */
import { jwkThumbprint } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { decodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  anyOf,
  BILLING,
  bearerForm,
  credentialsForm,
  expectRefusal,
  FOR_TRANSACTION,
  GATEWAY,
  GRANT,
  gatewayParty,
  LIBERAL_RULES,
  loginKey,
  startAttackWorld,
  TYPE,
  toOrders,
} from '../../test-support/attack-world.ts'
import { ISSUER, ORDERS } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const claimsOf = (token: string) => decodeToken(token).claims

describe('scope', () => {
  it('is never more than rule and subject token have, by any grant or type', async () => {
    const test = await startAttackWorld()
    const own = await test.granted(test.exchange(test.accessToken(), TYPE.access))
    const txn = await test.granted(test.exchange(test.accessToken(), TYPE.access, FOR_TRANSACTION))
    const wider = [
      'orders.write',
      'orders.read orders.write',
      'orders.read admin',
      '*',
      'ORDERS.READ',
      'orders.read.all',
    ]
    for (const scope of [...wider, 'orders', 'openid offline_access']) {
      expectRefusal(await test.exchange(test.accessToken(), TYPE.access, { scope }), '400 invalid_scope')
      expectRefusal(await test.exchange(own, TYPE.access, { scope }), '400 invalid_scope')
      expectRefusal(await test.exchange(txn, TYPE.txn, { ...FOR_TRANSACTION, scope }), '400 invalid_scope')
      expectRefusal(await test.post({ ...bearerForm(test.grant()), scope }), '400 invalid_scope')
    }
    for (const scope of ['admin', 'orders.read orders.delete', '*']) {
      expectRefusal(await test.post({ ...credentialsForm(test.serviceAccountToken()), scope }), '400 invalid_scope')
      expectRefusal(await test.exchange(test.wit, TYPE.wit, { scope }), '400 invalid_scope')
    }
    // Not what was asked for alone: a token without scope has none to give, whatever the rule would.
    const none = test.accessToken({ scopes: [] })
    expectRefusal(await test.exchange(none, TYPE.access, { scope: 'orders.read' }), '400 invalid_scope')
    const silent = await test.exchange(none, TYPE.access)
    expect(silent.body.scope).toBeUndefined()
    expect(claimsOf(silent.body.access_token)['scope']).toBeUndefined()
  })

  it('is a list as the standard has it, and of a size', async () => {
    const test = await startAttackWorld()
    const bad = ['a  b', ' a', 'a ', 'a\tb', 'a\nb', 'a"b', 'a\\b', 'ä', 'orders.read\u00a0orders.write', '\u0000']
    for (const scope of [...bad, Array.from({ length: 65 }, (_, index) => `s${index}`).join(' ')]) {
      expectRefusal(await test.exchange(test.accessToken(), TYPE.access, { scope }), '400 invalid_scope')
    }
    for (const scope of ['a  b', '', 7, ['orders.read'], null, 'orders.read\torders.write']) {
      const token = mutateToken(test.accessToken(), { claims: { scope }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
    }
  })
})

describe('audience', () => {
  it('is one that the rule names, and all that are asked for are', async () => {
    const test = await startAttackWorld()
    const targets = (text: string) =>
      test.post(
        `${new URLSearchParams({ grant_type: GRANT.exchange, subject_token: test.accessToken(), subject_token_type: TYPE.access })}&${text}`,
        test.witFields(),
      )
    const [orders, billing] = [encodeURIComponent(ORDERS), encodeURIComponent(BILLING)]
    expect((await targets(`audience=${orders}&resource=${billing}`)).status).toBe(200)
    const evil = encodeURIComponent('https://evil.example')
    const bad = [
      `audience=${evil}`,
      `resource=${evil}`,
      `audience=${orders}&audience=${evil}`,
      `audience=${orders}&resource=${evil}`,
      `audience=${orders}%2F`,
      `audience=${orders}%20${evil}`,
      `audience=${orders.toUpperCase()}`,
      'audience=*',
      'audience=https%3A%2F%2F*',
      // Which of two the rule cannot say.
      'audience=',
      'x=y',
      'resource=orders',
      `resource=${orders}%23a`,
      `resource=${encodeURIComponent('//orders.example')}`,
      Array.from({ length: 17 }, (_, index) => `audience=a${index}`).join('&'),
      `audience=${'a'.repeat(2049)}`,
    ]
    for (const text of bad) expectRefusal(await targets(text), '400 invalid_target')
  })

  it('is this service, unless the rule names another that its token may have been for', async () => {
    const rule = (audience?: readonly string[]) => [
      {
        name: 'r',
        grant: 'token-exchange',
        subject: { profile: 'access-token', issuer: 'login', anySubject: true, ...(audience && { audience }) },
        client: gatewayParty,
        to: toOrders,
      },
    ]
    const test = await startAttackWorld({ rules: rule() })
    const asked = (audience: readonly string[]) => test.exchange(test.accessToken({ audience }), TYPE.access)
    expect((await asked([ISSUER])).status).toBe(200)
    expect((await asked(['https://portal.example', ISSUER])).status).toBe(200)
    for (const audience of [['https://portal.example'], [`${ISSUER}/`], [`${ISSUER}/token`], ['*']]) {
      expectRefusal(await asked(audience), '400 invalid_request')
    }
    for (const aud of [[], undefined, null, '', [''], 7, { 0: ISSUER }, [ISSUER, 7]]) {
      const token = mutateToken(test.accessToken(), { claims: { aud }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
    }
  })
})

describe('a binding to a key', () => {
  it('is not lost: a token that is bound becomes no bearer token, and is nothing without its key', async () => {
    // The pod may exchange whatever it comes by.
    const pod = {
      name: 'pod',
      grant: 'token-exchange',
      subject: anyOf('access-token', 'self'),
      client: anyOf('service-account', 'cluster'),
      to: toOrders,
    }
    const test = await startAttackWorld({ rules: [pod, ...LIBERAL_RULES] })
    const bound = await test.granted(test.exchange(test.accessToken(), TYPE.access))
    expect(claimsOf(bound)['cnf']).toEqual({ jkt: jwkThumbprint(test.key.publicJwk, nodeCrypto) })
    const asPod = (fields: Record<string, string> = {}) => {
      const own = { ...credentialsForm(test.serviceAccountToken()), grant_type: GRANT.exchange }
      return test.post({ ...own, subject_token: bound, subject_token_type: TYPE.access }, fields)
    }
    expectRefusal(await asPod(), '400 invalid_request')
    expectRefusal(await asPod({ dpop: test.dpop(generateSigningKey('ES256')) }), '400 invalid_request')
    expect(test.log.events('token.refused').at(-1)).toMatchObject({ detail: 'pod: subject.proof' })
    expect((await asPod({ dpop: test.dpop(test.key) })).body.token_type).toBe('DPoP')
    for (const cnf of [{}, null, 'x', { jkt: 'x' }, { jkt: 'a', jwk: {} }, { kid: 'a' }, { jkt: 7 }, []]) {
      const token = mutateToken(test.accessToken(), { claims: { cnf }, key: loginKey })
      expectRefusal(await test.exchange(token, TYPE.access), '400 invalid_request')
    }
  })
})

describe('what a workload says of itself', () => {
  it('begins a transaction and becomes nothing else', async () => {
    const test = await startAttackWorld()
    const words: [string, string][] = [
      [test.selfSigned({ sub: GATEWAY }), TYPE.selfSigned],
      [JSON.stringify({ sub: GATEWAY }), TYPE.unsigned],
    ]
    for (const [token, type] of words) {
      for (const requested_token_type of [TYPE.access, TYPE.jwtSvid, TYPE.wit, TYPE.jwt]) {
        const reply = await test.exchange(token, type, { requested_token_type })
        expectRefusal(reply, '400 unauthorized_client')
      }
    }
    const others: ((world: AttackWorld) => string)[] = [
      (world) => world.selfSigned({ iss: 'spiffe://example.org/other' }),
      (world) => world.selfSigned({ aud: ORDERS }),
      (world) => world.selfSigned({ exp: world.clock.now() + 3600 }),
      (world) => world.selfSigned({ iat: undefined }),
      (world) => world.selfSigned({ iat: world.clock.now() + 600 }),
      (world) => world.selfSigned({ sub: '' }),
    ]
    for (const make of others) {
      expectRefusal(await test.exchange(make(test), TYPE.selfSigned, FOR_TRANSACTION), '400 invalid_request')
    }
    const json = [
      '{}',
      '[]',
      '"alice"',
      '{"sub":""}',
      '{"sub":7}',
      '{"sub":"a","sub":"b"}',
      '{"sub":"a","exp":1}',
      '{"sub":"a"',
    ]
    for (const text of [...json, `{"sub":"${'a'.repeat(5000)}"}`, `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`]) {
      expectRefusal(await test.exchange(text, TYPE.unsigned, FOR_TRANSACTION), '400 invalid_request')
    }
  })
})
