/** What was used before, or belongs to another request: assertions, grants, proofs and nonces. */
import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, type NodeSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { encodeToken, mutateToken } from '@countersign/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  bearerForm,
  credentialsForm,
  expectRefusal,
  startAttackWorld,
} from '../../test-support/attack-world.ts'
import type { Reply } from '../../test-support/http-call.ts'
import { CLUSTER, ISSUER, ORDERS, startTokenService, TOKEN_ENDPOINT } from '../../test-support/token-service-world.ts'

vi.setConfig({ testTimeout: 60_000 })

const own = { grant_type: 'client_credentials', audience: ORDERS }
const count = (replies: readonly Reply[], status: number) => replies.filter((reply) => reply.status === status).length

describe('an assertion or a grant', () => {
  it('is good once, also for many at once, with an id and without', async () => {
    const test = await startAttackWorld({ cluster: { reuse: false } })
    const forms: [string, Readonly<Record<string, string>>][] = [
      ['401 invalid_client', credentialsForm(test.serviceAccountToken({ jti: 'one' }))],
      ['401 invalid_client', credentialsForm(test.serviceAccountToken())],
      ['401 invalid_client', credentialsForm(test.assertion())],
      ['400 invalid_grant', bearerForm(test.grant())],
    ]
    for (const [error, form] of forms) {
      const replies = await Promise.all(Array.from({ length: 12 }, () => test.post(form)))
      expect(count(replies, 200), error).toBe(1)
      for (const reply of replies) if (reply.status !== 200) expectRefusal(reply, error)
      expectRefusal(await test.post(form), error)
    }
  })

  it('is not another one by another signature or by other spelling', async () => {
    const ecKey = generateSigningKey('ES256', { kid: 'cluster-1' })
    const test = await startTokenService({ cluster: { jwks: { keys: [ecKey.publicJwk] } } })
    const now = test.clock.now()
    const claims = { iss: CLUSTER, sub: 'system:serviceaccount:test:default', aud: ISSUER, iat: now, exp: now + 60 }
    const header = { alg: 'ES256', kid: 'cluster-1' }
    const [first, second] = [encodeToken(header, claims, ecKey), encodeToken(header, claims, ecKey)]
    expect(first).not.toBe(second)
    expect((await test.ask(first)).status).toBe(200)
    expectRefusal(await test.ask(second), '401 invalid_client')
    expectRefusal(await test.ask(`${first}=`), '401 invalid_client')
    expectRefusal(await test.ask(` ${first}`), '401 invalid_client')
    expectRefusal(await test.ask(`${first}.`), '401 invalid_client')
    // With an id, whatever else it says.
    expect((await test.ask(encodeToken(header, { ...claims, jti: 'a' }, ecKey))).status).toBe(200)
    expectRefusal(
      await test.ask(encodeToken(header, { ...claims, jti: 'a', exp: now + 61 }, ecKey)),
      '401 invalid_client',
    )
    for (const jti of ['', 7, null, ['a'], 'x'.repeat(1025)]) {
      expectRefusal(await test.ask(encodeToken(header, { ...claims, jti }, ecKey)), '401 invalid_client')
    }
  })

  it('is not spent by whoever shows it in the wrong place, or by breaking it', async () => {
    const test = await startAttackWorld({ cluster: { reuse: false } })
    const token = test.serviceAccountToken({ jti: 'one' })
    const grant = test.grant()
    for (const broken of [mutateToken(token, { claims: { aud: ORDERS } }), token.slice(0, -2)]) {
      expectRefusal(await test.post(credentialsForm(broken)), '401 invalid_client')
    }
    expectRefusal(await test.post(bearerForm(token)), '400 invalid_grant')
    expectRefusal(await test.post(credentialsForm(grant)), '401 invalid_client')
    expectRefusal(await test.post({ ...bearerForm(grant), scope: 'a  b' }), '400 invalid_scope')
    expectRefusal(await test.post({ ...bearerForm(grant), resource: 'x' }), '400 invalid_target')
    expectRefusal(await test.post({ ...credentialsForm(token), client_secret: 'x' }), '401 invalid_client')
    expect((await test.post(credentialsForm(token))).status).toBe(200)
    expect((await test.post(bearerForm(grant))).status).toBe(200)
  })
})

describe('a proof', () => {
  it('is good once, also for many at once, and at every endpoint together', async () => {
    const test = await startAttackWorld()
    const dpop = test.dpop(test.key)
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => test.post(credentialsForm(test.serviceAccountToken()), { dpop })),
    )
    expect(count(replies, 200)).toBe(1)
    for (const reply of replies) if (reply.status !== 200) expectRefusal(reply, '400 invalid_dpop_proof')
    const fields = test.witFields()
    expect((await test.post(own, fields)).status).toBe(200)
    expectRefusal(await test.post(own, fields), '401 invalid_client')
    for (const path of ['/oauth2/introspect', '/oauth2/revoke']) {
      expectRefusal(await test.post({ token: 'x' }, fields, path), '401 invalid_client')
    }
  })

  it('is for this request: its method, its URL, its time and its key', async () => {
    const test = await startAttackWorld()
    const now = test.clock.now()
    const proof = (change: object, key: NodeSigningKey = test.key) =>
      new DpopProofBuilder(key, nodeCrypto).build({ method: 'POST', url: TOKEN_ENDPOINT, now, ...change }) as string
    const { kty, crv, x, y } = test.key.publicJwk
    const jwk = { kty, crv, x, y }
    const claims = { jti: 'a', htm: 'POST', htu: TOKEN_ENDPOINT, iat: now }
    const raw = (header: object, change: object = {}) =>
      encodeToken({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }, { ...claims, ...change }, test.key)
    const bad = [
      proof({ method: 'GET' }),
      proof({ url: 'https://id.example.org/oauth2/revoke' }),
      proof({ url: 'https://evil.example/oauth2/token' }),
      proof({ url: 'http://id.example.org/oauth2/token' }),
      proof({ url: ISSUER }),
      proof({ now: now - 91 }),
      proof({ now: now + 31 }),
      proof({ accessToken: 'x' }),
      raw({ typ: 'JWT' }),
      raw({ jwk: undefined }),
      raw({ jwk: { ...jwk, d: 'AAAA' } }),
      raw({ jwk: { kty: 'oct', k: 'c2VjcmV0' } }),
      raw({ jwk: { ...jwk, crv: 'P-384' } }),
      raw({ jwk: { ...jwk, alg: 'ES384' } }),
      raw({ jwk: generateSigningKey('ES256').publicJwk }),
      raw({ jwk: 'x' }),
      raw({}, { jti: undefined }),
      raw({}, { jti: '' }),
      raw({}, { jti: 'x'.repeat(1025) }),
      raw({}, { iat: undefined }),
      raw({}, { iat: String(now) }),
      raw({}, { htu: undefined }),
      raw({}, { htu: [TOKEN_ENDPOINT] }),
      'x',
      '',
    ]
    for (const dpop of bad) {
      const reply = await test.post(credentialsForm(test.serviceAccountToken()), { dpop })
      expectRefusal(reply, '400 invalid_dpop_proof', dpop.length > 1 ? [dpop] : [])
    }
    // This server gives no nonces: one that came is of no use, and no harm.
    for (const dpop of [proof({}), proof({ nonce: 'kept' })]) {
      expect((await test.post(credentialsForm(test.serviceAccountToken()), { dpop })).status).toBe(200)
    }
  })
})

describe('a nonce', () => {
  const startWithNonces = () => startAttackWorld({ tokenService: { dpopNonce: true } })
  const ask = (test: AttackWorld, dpop: string, path?: string) =>
    test.post(
      path === undefined
        ? credentialsForm(test.serviceAccountToken())
        : { token: 'x', ...credentialsForm(test.serviceAccountToken()) },
      { dpop },
      path,
    )

  it('is asked for with every proof that lacks it, at every endpoint, and said in the same answer', async () => {
    const test = await startWithNonces()
    for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
      const url = `https://id.example.org${path}`
      const proof = (nonce?: string) =>
        new DpopProofBuilder(test.key, nodeCrypto).build({
          method: 'POST',
          url,
          now: test.clock.now(),
          ...(nonce === undefined ? {} : { nonce }),
        }) as string
      const first = await ask(test, proof(), path)
      expectRefusal(first, '400 use_dpop_nonce')
      const nonce = first.headers['dpop-nonce'] as string
      expect(nonce).toMatch(/^[\w-]{43}$/)
      expect((await ask(test, proof(nonce), path)).status).toBe(200)
      for (const wrong of ['', 'x', nonce.slice(1), `${nonce}A`, nonce.toLowerCase(), `${nonce} `]) {
        expectRefusal(await ask(test, proof(wrong), path), '400 use_dpop_nonce')
      }
    }
  })

  it('is stale after its time, is of this server alone, and saves no proof from being used up', async () => {
    const test = await startWithNonces()
    const other = await startWithNonces()
    const nonceOf = async (world: AttackWorld) =>
      (await ask(world, world.dpop(world.key))).headers['dpop-nonce'] as string
    const nonce = await nonceOf(test)
    expectRefusal(await ask(test, test.dpop(test.key, await nonceOf(other))), '400 use_dpop_nonce')
    const dpop = test.dpop(test.key, nonce)
    expect((await ask(test, dpop)).status).toBe(200)
    expectRefusal(await ask(test, dpop), '400 invalid_dpop_proof')
    test.clock.jump(120)
    expect((await ask(test, test.dpop(test.key, nonce))).status).toBe(200)
    test.clock.jump(120)
    const late = await ask(test, test.dpop(test.key, nonce))
    expectRefusal(late, '400 use_dpop_nonce')
    expect(late.headers['dpop-nonce']).not.toBe(nonce)
  })
})
