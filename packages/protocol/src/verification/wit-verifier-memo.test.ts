import { countingCrypto, expectCode, FakeIssuer, mutateToken, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { TrustStore } from '../bundle/trust-store.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { WitVerifier, type WitVerifierOptions } from './wit-verifier.ts'

const NOW = 1_800_000_000

/** Without memory for whole tokens: what is left is that of subjects and of confirmation keys. */
describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('remembered parts of tokens on a %s backend', (_, backend) => {
  const issuer = new FakeIssuer()
  const workload = issuer.workload('/orders')
  const token = workload.wit(NOW)
  const confirming = (jwk: object) => mutateToken(token, { claims: { cnf: { jwk } }, key: issuer.witKey })

  async function setUp(options: Partial<WitVerifierOptions> = {}) {
    const { crypto, calls } = countingCrypto(backend)
    const trust = new TrustStore(crypto)
    trust.set(issuer.origin, issuer.material())
    const verifier = new WitVerifier({ trust, crypto, cacheCapacity: 0, ...options })
    const first = await verifier.verify(token, NOW)
    return { trust, calls, verifier, first }
  }

  it('spare the import and never the signature', async () => {
    const { verifier, calls, first } = await setUp()
    const second = await verifier.verify(workload.wit(NOW + 1), NOW + 1)
    expect(second.confirmationKey).toBe(first.confirmationKey)
    expect(second.subject).toBe(first.subject)
    expect(calls).toMatchObject({ imports: 2, verifications: 2 })
    await expectCode(
      () => verifier.verify(mutateToken(token, { claims: { jti: 'x' } }), NOW),
      'ERR_CREDENTIAL_SIGNATURE',
    )
  })

  it('say nothing about times', async () => {
    const { verifier } = await setUp()
    await expectCode(() => verifier.verify(token, NOW + 3630), 'ERR_CREDENTIAL_EXPIRED')
    const later = mutateToken(token, { claims: { nbf: NOW + 100 }, key: issuer.witKey })
    await expectCode(() => verifier.verify(later, NOW), 'ERR_CREDENTIAL_NOT_YET_VALID')
  })

  it('say nothing about trust', async () => {
    const { verifier, trust } = await setUp()
    trust.set(issuer.origin, new FakeIssuer().material())
    await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_SIGNATURE')
    trust.delete(issuer.origin)
    await expectCode(() => verifier.verify(token, NOW), 'ERR_CREDENTIAL_TRUST_DOMAIN_UNKNOWN')
  })

  it('do not stand in for a key that says more, or something else', async () => {
    const { verifier } = await setUp()
    const { publicJwk } = workload.key
    await expectCode(() => verifier.verify(confirming({ ...publicJwk, d: 'AA' }), NOW), 'ERR_CREDENTIAL_CONFIRMATION')
    await expectCode(
      () => verifier.verify(confirming({ ...publicJwk, use: 'enc' }), NOW),
      'ERR_CREDENTIAL_CONFIRMATION',
    )
    await expectCode(
      () => verifier.verify(confirming({ ...publicJwk, key_ops: ['sign'] }), NOW),
      'ERR_CREDENTIAL_CONFIRMATION',
    )
    await expectCode(
      () => verifier.verify(confirming({ ...publicJwk, alg: 'ES384' }), NOW),
      'ERR_CREDENTIAL_CONFIRMATION_ALGORITHM',
    )
    await expectCode(
      () => verifier.verify(confirming({ ...publicJwk, y: publicJwk.x }), NOW),
      'ERR_CREDENTIAL_CONFIRMATION',
    )
  })

  it('do not stand in for a confirmation that names a second key', async () => {
    const { verifier } = await setUp()
    const claims = { cnf: { jwk: workload.key.publicJwk, jku: 'https://evil.example' } }
    const two = mutateToken(token, { claims, key: issuer.witKey })
    await expectCode(() => verifier.verify(two, NOW), 'ERR_CREDENTIAL_CONFIRMATION')
  })

  it('keep one RSA key under two algorithms apart', async () => {
    const { verifier } = await setUp()
    const rsa = generateSigningKey('RS256')
    const pkcs1 = await verifier.verify(confirming(rsa.publicJwk), NOW)
    const pss = await verifier.verify(confirming({ ...rsa.publicJwk, alg: 'PS256' }), NOW)
    const data = new Uint8Array([1])
    expect(await pkcs1.confirmationKey.verify(data, rsa.sign(data))).toBe(true)
    expect(await pss.confirmationKey.verify(data, rsa.sign(data))).toBe(false)
  })

  it('are not changed by whoever holds the claims', async () => {
    const { verifier, first } = await setUp()
    const stranger = generateSigningKey('ES256')
    Object.assign((first.claims['cnf'] as { jwk: object }).jwk, stranger.publicJwk)
    const again = await verifier.verify(token, NOW)
    const data = new Uint8Array([1])
    expect(await again.confirmationKey.verify(data, workload.key.sign(data))).toBe(true)
    expect(await again.confirmationKey.verify(data, stranger.sign(data))).toBe(false)
    expect(() => Object.assign(again.subject, { origin: 'spiffe://evil.example' })).toThrow(TypeError)
  })

  it('are those of tokens with a right signature only', async () => {
    const { verifier, calls } = await setUp()
    const stranger = issuer.workload('/stranger')
    const forged = mutateToken(stranger.wit(NOW), { key: generateSigningKey('ES256') })
    await expectCode(() => verifier.verify(forged, NOW), 'ERR_CREDENTIAL_SIGNATURE')
    expect(calls.imports).toBe(2)
    await verifier.verify(stranger.wit(NOW), NOW)
    expect(calls.imports).toBe(3)
  })
})
