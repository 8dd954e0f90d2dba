/** Proofs by strangers: anybody can make a key and a DPoP proof by it, and as many as they like. */
import { DpopProofBuilder } from '@countersign/protocol/exchange'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { mutateToken } from '@countersign/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type AttackWorld,
  anyOf,
  bearerForm,
  credentialsForm,
  expectRefusal,
  GRANT,
  LIBERAL_RULES,
  startAttackWorld,
  toOrders,
} from '../../test-support/attack-world.ts'
import { UsedTokens } from '../../used-tokens/used-tokens.ts'

vi.setConfig({ testTimeout: 60_000 })
afterEach(() => vi.restoreAllMocks())

/** What the server is about to remember, in the memory that it has. */
const watchMemory = () => vi.spyOn(UsedTokens.prototype, 'remember')

/** Grants that a client brings, besides those that come alone. */
const BROUGHT = {
  name: 'brought',
  grant: 'jwt-bearer',
  subject: anyOf('authorization-grant', 'partner'),
  client: anyOf('service-account', 'cluster'),
  to: toOrders,
}
const rules = [...LIBERAL_RULES, BROUGHT]

const OTHER_ENDPOINTS = ['/oauth2/introspect', '/oauth2/revoke']

const proofFor = (test: AttackWorld, path: string, key = generateSigningKey('ES256')) =>
  new DpopProofBuilder(key, nodeCrypto).build({
    method: 'POST',
    url: `https://id.example.org${path}`,
    now: test.clock.now(),
  }) as string

/** Requests of nobody that anybody knows, and what is said to them. */
function strangersRequests(test: AttackWorld): readonly [string, Readonly<Record<string, string>>][] {
  const broken = mutateToken(test.serviceAccountToken(), { key: generateSigningKey('RS256', { kid: 'cluster-1' }) })
  return [
    ['401 invalid_client', { grant_type: 'client_credentials' }],
    ['401 invalid_client', credentialsForm(broken)],
    ['401 invalid_client', { ...credentialsForm(test.serviceAccountToken()), client_id: 'somebody' }],
    ['401 invalid_client', { ...credentialsForm(test.serviceAccountToken()), client_secret: 'x' }],
    ['401 invalid_client', { grant_type: GRANT.exchange, subject_token: test.accessToken() }],
    ['400 unsupported_grant_type', { grant_type: 'password' }],
    ['400 invalid_request', {}],
    ['400 invalid_grant', bearerForm(mutateToken(test.grant(), { key: generateSigningKey('ES256') }))],
    ['400 invalid_scope', { ...bearerForm(test.grant()), scope: 'a  b' }],
  ]
}

describe('a DPoP proof of a request by a stranger', () => {
  it('is not remembered, so that nobody fills the memory of used proofs for all', async () => {
    const test = await startAttackWorld()
    const remember = watchMemory()
    for (const [error, form] of strangersRequests(test)) {
      const dpop = proofFor(test, '/oauth2/token')
      expectRefusal(await test.post(form, { dpop }), error)
    }
    for (const path of OTHER_ENDPOINTS) {
      expectRefusal(await test.post({ token: 'x' }, { dpop: proofFor(test, path) }, path), '401 invalid_client')
    }
    expect(remember).not.toHaveBeenCalled()
    const known = { dpop: proofFor(test, '/oauth2/token') }
    expect((await test.post(credentialsForm(test.serviceAccountToken()), known)).status).toBe(200)
    expect(remember).toHaveBeenCalledOnce()
  })

  it('is not spent by being sent ahead by somebody else, and after its use it is good nowhere', async () => {
    const test = await startAttackWorld({ rules })
    const client = () => credentialsForm(test.serviceAccountToken())
    const uses: [string, () => Readonly<Record<string, string>>][] = [
      ['/oauth2/token', client],
      ['/oauth2/token', () => bearerForm(test.grant())],
      ['/oauth2/token', () => ({ ...client(), ...bearerForm(test.grant()) })],
      ...OTHER_ENDPOINTS.map((path) => [path, () => ({ ...client(), token: 'x' })] as [string, typeof client]),
    ]
    for (const [path, form] of uses) {
      const fields = { dpop: proofFor(test, path, test.key) }
      const stolen = { grant_type: 'client_credentials', token: 'x' }
      expectRefusal(await test.post(stolen, fields, path), '401 invalid_client')
      expect((await test.post(form(), fields, path)).status, path).toBe(200)
      expectRefusal(await test.post(form(), fields, path), '400 invalid_dpop_proof')
    }
  })

  it('is good for one token when a grant alone vouches for each of many requests at once', async () => {
    const test = await startAttackWorld()
    const fields = { dpop: test.dpop(test.key) }
    const replies = await Promise.all(Array.from({ length: 12 }, () => test.post(bearerForm(test.grant()), fields)))
    const refused = replies.filter(({ status }) => status !== 200)
    expect(refused).toHaveLength(11)
    for (const reply of refused) expectRefusal(reply, '400 invalid_dpop_proof')
  })
})

describe('a DPoP proof that was used before', () => {
  it("does not spend the grant that a client's request brings", async () => {
    const test = await startAttackWorld({ rules })
    const used = { dpop: test.dpop(test.key) }
    const form = () => ({ ...credentialsForm(test.serviceAccountToken()), ...bearerForm(grant) })
    const grant = test.grant()
    expect((await test.post(credentialsForm(test.serviceAccountToken()), used)).status).toBe(200)
    expectRefusal(await test.post(form(), used), '400 invalid_dpop_proof')
    expect((await test.post(form(), { dpop: test.dpop(test.key) })).status).toBe(200)
  })

  it('is not taken again once the memory has let go of it, however long it takes to find out who sent it', async () => {
    const test = await startAttackWorld({ cluster: { reuse: false } })
    const remember = UsedTokens.prototype.remember
    // As if the issuer's keys were long in coming. The client is known then, and the proof has ended since it came.
    const watched = watchMemory().mockImplementationOnce(function (this: UsedTokens, ...use) {
      test.clock.jump(120)
      return remember.apply(this, use)
    })
    const reply = await test.post(credentialsForm(test.serviceAccountToken()), { dpop: test.dpop(test.key) })
    expectRefusal(reply, '400 invalid_dpop_proof')
    expect(watched).toHaveBeenCalledOnce()
  })
})
