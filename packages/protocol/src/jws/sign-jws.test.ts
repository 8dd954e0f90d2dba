import { promisedSigningKey } from '@countersign/testing'
import { compactVerify, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { encodeJwsHeader, signJws } from './sign-jws.ts'

describe('signJws', () => {
  it.each(SIGNATURE_ALGORITHMS)('makes what another implementation verifies, with %s', async (alg) => {
    const key = generateSigningKey(alg)
    const token = await signJws(encodeJwsHeader({ alg, typ: 'JWT', kid: 'a' }), { sub: 'é' }, key)
    const verified = await compactVerify(token, await importJWK({ ...key.publicJwk }, alg))
    expect(verified.protectedHeader).toEqual({ alg, typ: 'JWT', kid: 'a' })
    expect(new TextDecoder().decode(verified.payload)).toBe('{"sub":"é"}')
  })

  it('answers at once with a synchronous key and later with another', async () => {
    const key = generateSigningKey('EdDSA')
    const header = encodeJwsHeader({ alg: 'EdDSA' })
    const atOnce = signJws(header, { a: 1 }, key)
    const later = signJws(header, { a: 1 }, promisedSigningKey(key))
    expect(typeof atOnce).toBe('string')
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(atOnce)
  })
})
