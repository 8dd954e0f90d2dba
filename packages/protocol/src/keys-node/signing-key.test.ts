import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { SIGNATURE_ALGORITHMS } from '../keys/algorithm.ts'
import { nodeCrypto } from './node-crypto.ts'
import { generateSigningKey, importSigningKey } from './signing-key.ts'

const data = new TextEncoder().encode('to be signed')
const pem = (pair: { privateKey: KeyObject }) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

describe('generateSigningKey', () => {
  it.each(SIGNATURE_ALGORITHMS)('makes a key for %s that says so', (alg) => {
    const key = generateSigningKey(alg, { kid: 'a' })
    expect(key.alg).toBe(alg)
    expect(key.publicJwk).toMatchObject({ alg, kid: 'a' })
    expect(key.publicJwk).not.toHaveProperty('d')
    expect(nodeCrypto.importPublicJwk(key.publicJwk, alg).verify(data, key.sign(data))).toBe(true)
  })

  it('names a key only when told to', () => {
    expect(generateSigningKey('ES256').publicJwk).not.toHaveProperty('kid')
  })
})

describe('importSigningKey', () => {
  const key = generateSigningKey('ES256', { kid: 'a' })

  it('reads PKCS#8, JWK and PEM', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const fromPkcs8 = importSigningKey({ pkcs8: key.exportPkcs8() }, 'ES256', { kid: 'a' })
    const fromJwk = importSigningKey({ jwk: key.exportJwk() }, 'ES256', { kid: 'a' })
    expect(fromPkcs8.publicJwk).toEqual(key.publicJwk)
    expect(fromJwk.publicJwk).toEqual(key.publicJwk)
    const verifier = nodeCrypto.importPublicJwk(key.publicJwk, 'ES256')
    expect(verifier.verify(data, fromPkcs8.sign(data))).toBe(true)
    expect(verifier.verify(data, fromJwk.sign(data))).toBe(true)
    const fromPem = importSigningKey({ pem: pem(pair) }, 'ES256')
    expect(fromPem.publicJwk).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256' })
  })

  it.each([
    ['DER that is no key', { pkcs8: new Uint8Array([1, 2]) }, 'ES256', 'ERR_KEY_MALFORMED'],
    ['PEM that is no key', { pem: 'secret-text' }, 'ES256', 'ERR_KEY_MALFORMED'],
    ['a public JWK', { jwk: key.publicJwk }, 'ES256', 'ERR_KEY_MALFORMED'],
    ['another curve', { pkcs8: key.exportPkcs8() }, 'ES384', 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['an RSA algorithm for an EC key', { pkcs8: key.exportPkcs8() }, 'RS256', 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['weak RSA', { pem: pem(generateKeyPairSync('rsa', { modulusLength: 1024 })) }, 'RS256', 'ERR_KEY_WEAK'],
    [
      'a small curve',
      { pem: pem(generateKeyPairSync('ec', { namedCurve: 'secp224r1' })) },
      'ES256',
      'ERR_KEY_UNSUPPORTED',
    ],
    ['a key for key agreement', { pem: pem(generateKeyPairSync('x25519')) }, 'EdDSA', 'ERR_KEY_UNSUPPORTED'],
  ] as const)('refuses %s', async (_, source, alg, code) => {
    const error = await expectCode(() => importSigningKey(source, alg), code)
    expect(inspect(error, { depth: 10 })).not.toContain('secret-text')
  })
})

describe('NodeSigningKey', () => {
  it('shows nothing secret in logs and JSON', () => {
    const key = generateSigningKey('ES256')
    const { d } = key.exportJwk()
    expect(d).toHaveLength(43)
    expect(inspect(key, { depth: 10, showHidden: true })).not.toContain(d)
    expect(JSON.stringify(key)).not.toContain(d)
  })

  it('does not let its public key be changed', () => {
    const key = generateSigningKey('ES256')
    expect(() => Object.assign(key.publicJwk, { alg: 'none' })).toThrow(TypeError)
  })
})
