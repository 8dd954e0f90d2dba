import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { algorithmsOf, isSignatureAlgorithm, SIGNATURE_ALGORITHMS, SVID_ALGORITHMS } from './algorithm.ts'

describe('algorithms', () => {
  it('are asymmetric signatures only', () => {
    expect(SIGNATURE_ALGORITHMS.every(isSignatureAlgorithm)).toBe(true)
    for (const alg of ['none', 'None', 'HS256', 'ECDH-ES', 'RSA-OAEP', 'es256', 'ES256K', 'Ed448', '', 1, undefined]) {
      expect(isSignatureAlgorithm(alg)).toBe(false)
    }
  })

  it('leave EdDSA out for SVIDs, and nothing else', () => {
    expect([...SVID_ALGORITHMS, 'EdDSA', 'Ed25519'].sort()).toEqual([...SIGNATURE_ALGORITHMS].sort())
  })

  it('follow from key type and curve', async () => {
    expect(algorithmsOf({ kty: 'EC', crv: 'P-256' })).toEqual(['ES256'])
    expect(algorithmsOf({ kty: 'EC', crv: 'P-384' })).toEqual(['ES384'])
    expect(algorithmsOf({ kty: 'EC', crv: 'P-521' })).toEqual(['ES512'])
    expect(algorithmsOf({ kty: 'OKP', crv: 'Ed25519' })).toEqual(['EdDSA', 'Ed25519'])
    expect(algorithmsOf({ kty: 'RSA' })).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
    await expectCode(() => algorithmsOf({ kty: 'EC', crv: 'secp256k1' }), 'ERR_KEY_UNSUPPORTED')
    await expectCode(() => algorithmsOf({ kty: 'OKP', crv: 'P-256' }), 'ERR_KEY_UNSUPPORTED')
    await expectCode(() => algorithmsOf({ kty: 'oct' }), 'ERR_KEY_UNSUPPORTED')
  })
})
