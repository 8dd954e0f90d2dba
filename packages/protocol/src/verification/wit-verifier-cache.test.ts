import { countingCrypto, expectCode, FakeIssuer, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { WitVerifier, type WitVerifierOptions } from './wit-verifier.ts'

const NOW = 1_800_000_000

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('remembered tokens on a %s backend', (_, backend) => {
  const issuer = new FakeIssuer()
  const workload = issuer.workload('/orders')
  const token = workload.wit(NOW)

  function setUp(options: Partial<WitVerifierOptions> = {}) {
    const { crypto, calls } = countingCrypto(backend)
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    return { trust, calls, verifier: new WitVerifier({ trust, crypto, ...options }) }
  }

  it('are not even hashed when too large', async () => {
    const { verifier, calls } = setUp()
    const oversized = `${token}${'A'.repeat(16_384)}`
    await expectCode(() => verifier.verify(oversized, NOW), 'ERR_CREDENTIAL_TOO_LARGE')
    expect(calls).toEqual({ verifications: 0, imports: 0, hashes: 0 })
  })

  it('are verified once', async () => {
    const { verifier, calls } = setUp()
    const wit = await verifier.verify(token, NOW)
    expect(await verifier.verify(token, NOW + 1)).toBe(wit)
    expect(calls).toEqual({ verifications: 1, imports: 2, hashes: 2 })
  })

  it('are held against the clock each time', async () => {
    const { verifier } = setUp({ maxAgeSeconds: 4000 })
    const bounded = mutateToken(token, { claims: { nbf: NOW }, key: issuer.witKey })
    await verifier.verify(bounded, NOW + 3600 + 29)
    await expectCode(() => verifier.verify(bounded, NOW + 3600 + 30), 'ERR_CREDENTIAL_EXPIRED')
    await expectCode(() => verifier.verify(bounded, NOW - 31), 'ERR_CREDENTIAL_NOT_YET_VALID')
    expect((await verifier.verify(bounded, NOW)).expiresAt).toBe(NOW + 3600)
  })

  it('are held against every time policy each time', async () => {
    const { verifier } = setUp({ maxAgeSeconds: 100, clockSkewSeconds: 0 })
    await verifier.verify(token, NOW + 100)
    await expectCode(() => verifier.verify(token, NOW + 101), 'ERR_CREDENTIAL_TOO_OLD')
  })

  it('are forgotten when the trust of their origin is deleted', async () => {
    const { verifier, trust } = setUp()
    await verifier.verify(token, NOW)
    trust.delete(issuer.origin)
    await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
  })

  it('are forgotten when their key is withdrawn', async () => {
    const { verifier, trust } = setUp()
    await verifier.verify(token, NOW)
    trust.set(issuer.origin, { witKeys: [] })
    await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_KEY_UNKNOWN')
  })

  it('are forgotten when their key is replaced under the same name', async () => {
    const { verifier, trust } = setUp()
    await verifier.verify(token, NOW)
    trust.set(issuer.origin, new FakeIssuer().material())
    await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it('are forgotten when their issuer name is withdrawn', async () => {
    const { verifier, trust } = setUp({ enforceIssuers: true })
    trust.set(issuer.origin, { ...issuer.material(), issuers: ['https://issuer.example'] })
    const named = mutateToken(token, { claims: { iss: 'https://issuer.example' }, key: issuer.witKey })
    await verifier.verify(named, NOW)
    trust.set(issuer.origin, issuer.material())
    await expectCode(() => verifier.verify(named, NOW), 'ERR_CREDENTIAL_ISSUER')
  })

  it('are verified again, once, when the same trust is set anew', async () => {
    const { verifier, trust, calls } = setUp()
    await verifier.verify(token, NOW)
    trust.set(issuer.origin, issuer.material())
    const again = await verifier.verify(token, NOW)
    expect(again.trust).toBe(trust.get(issuer.origin))
    expect(await verifier.verify(token, NOW)).toBe(again)
    expect(calls.verifications).toBe(2)
  })

  it('stay when the trust of another origin changes', async () => {
    const { verifier, trust, calls } = setUp()
    await verifier.verify(token, NOW)
    trust.set('wimse://example.org', {})
    trust.delete('wimse://example.org')
    await verifier.verify(token, NOW)
    expect(calls.verifications).toBe(1)
  })

  it('never stand in for a token that differs in one character', async () => {
    const { verifier } = setUp()
    await verifier.verify(token, NOW)
    const [header = '', claims = '', signature = ''] = token.split('.')
    const other = signature.startsWith('A') ? 'B' : 'A'
    const forged = `${header}.${claims}.${other}${signature.slice(1)}`
    await expectCode(() => verifier.verify(forged, NOW), 'ERR_CREDENTIAL_SIGNATURE')
    await expectCode(() => verifier.verify(`${token} `, NOW), 'ERR_CREDENTIAL_MALFORMED')
    await expectCode(
      () => verifier.verify(mutateToken(token, { claims: { sub: 'spiffe://example.org/admin' } }), NOW),
      'ERR_CREDENTIAL_SIGNATURE',
    )
    const second = await verifier.verify(issuer.workload('/other').wit(NOW), NOW)
    expect(second.subject.toString()).toBe('spiffe://example.org/other')
  })

  it('do not share one confirmation key', async () => {
    const { verifier } = setUp()
    const first = await verifier.verify(token, NOW)
    const twin = issuer.workload('/orders')
    const second = await verifier.verify(twin.wit(NOW), NOW)
    const data = new Uint8Array([1])
    expect(await second.confirmationKey.verify(data, twin.key.sign(data))).toBe(true)
    expect(await first.confirmationKey.verify(data, twin.key.sign(data))).toBe(false)
  })

  it('are not made of refused ones', async () => {
    const { verifier, calls } = setUp()
    const expired = workload.wit(NOW - 7200)
    await expectCode(() => verifier.verify(expired, NOW), 'ERR_CREDENTIAL_EXPIRED')
    await expectCode(() => verifier.verify(expired, NOW), 'ERR_CREDENTIAL_EXPIRED')
    expect(calls.verifications).toBe(2)
  })

  it('are no more than the capacity', async () => {
    const { verifier, calls } = setUp({ cacheCapacity: 2 })
    const tokens = [1, 2, 3].map((ttl) => workload.wit(NOW, ttl * 100))
    for (const one of tokens) await verifier.verify(one, NOW)
    expect(calls.verifications).toBe(3)
    await verifier.verify(tokens[2] as string, NOW)
    await verifier.verify(tokens[1] as string, NOW)
    expect(calls.verifications).toBe(3)
    await verifier.verify(tokens[0] as string, NOW)
    expect(calls.verifications).toBe(4)
  })

  it('do not exist with a capacity of 0', async () => {
    const { verifier, calls } = setUp({ cacheCapacity: 0 })
    await verifier.verify(token, NOW)
    await verifier.verify(token, NOW)
    expect(calls.verifications).toBe(2)
  })
})

describe('what is remembered', () => {
  it('cannot be changed by whoever it was handed to', async () => {
    const issuer = new FakeIssuer()
    const token = mutateToken(issuer.workload('/orders').wit(NOW), { claims: { roles: ['user'] }, key: issuer.witKey })
    const wit = await new WitVerifier({ trust: issuer.trust, crypto: nodeCrypto }).verify(token, NOW)
    const claims = wit.claims as { roles: string[] }
    expect(() => claims.roles.push('admin')).toThrow(TypeError)
    expect(() => Object.assign(claims, { roles: ['admin'] })).toThrow(TypeError)
    expect(() => Object.assign(wit.confirmationJwk, { alg: 'none' })).toThrow(TypeError)
    expect(() => Object.assign(wit, { subject: undefined })).toThrow(TypeError)
  })
})
