import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { PublicJwk } from '../../keys/public-jwk.ts'
import { type CryptoBackendFixture, pem } from './fixture.ts'

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })

/** Which keys are refused, and with which code. */
export function describeKeys(name: string, fixture: CryptoBackendFixture): void {
  const { crypto } = fixture

  describe(`${name} keeps the crypto backend contract: keys`, () => {
    const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })

    it.each([
      ['a point off the curve', { kty: 'EC', crv: 'P-256', x, y: x }, 'ES256', 'ERR_KEY_MALFORMED'],
      [
        'the point 0, 0',
        { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
        'ES256',
        'ERR_KEY_MALFORMED',
      ],
      [
        'a coordinate above the field',
        { kty: 'EC', crv: 'P-256', x: `${'_'.repeat(42)}8`, y },
        'ES256',
        'ERR_KEY_MALFORMED',
      ],
      ['a point of another curve', { kty: 'EC', crv: 'P-384', x, y }, 'ES384', 'ERR_KEY_MALFORMED'],
      ['an algorithm of another curve', { kty: 'EC', crv: 'P-256', x, y }, 'ES384', 'ERR_KEY_ALGORITHM_MISMATCH'],
      ['an algorithm of another type', { kty: 'EC', crv: 'P-256', x, y }, 'EdDSA', 'ERR_KEY_ALGORITHM_MISMATCH'],
      ['an RSA key for ECDSA', { kty: 'RSA', n: rsa.n, e: rsa.e }, 'ES256', 'ERR_KEY_ALGORITHM_MISMATCH'],
      ['an RSA key of 1024 bits', { kty: 'RSA', n: rsa.n, e: rsa.e }, 'RS256', 'ERR_KEY_WEAK'],
      [
        'an RSA exponent of 1',
        { kty: 'RSA', n: '_'.repeat(342).slice(0, 341).concat('w'), e: 'AQ' },
        'PS256',
        'ERR_KEY_WEAK',
      ],
      ['ML-DSA, which was not named', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }, 'ML-DSA-44', 'ERR_KEY_UNSUPPORTED'],
    ] as const)('as JWK, refuses %s', async (_, jwk, alg, code) => {
      await expectCode(async () => crypto.importPublicJwk(jwk as PublicJwk, alg), code)
    })

    it('does not export a point that is none', async () => {
      await expectCode(async () => crypto.exportSpki({ kty: 'EC', crv: 'P-256', x, y: x }), 'ERR_KEY_MALFORMED')
    })

    it.each([
      ['bytes that are no key', new Uint8Array([1, 2, 3]), 'RS256', 'ERR_KEY_MALFORMED'],
      [
        'a small curve',
        spki(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).publicKey),
        'ES256',
        'ERR_KEY_UNSUPPORTED',
      ],
      [
        'secp256k1',
        spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
        'ES256',
        'ERR_KEY_UNSUPPORTED',
      ],
      ['X25519', spki(generateKeyPairSync('x25519').publicKey), 'EdDSA', 'ERR_KEY_UNSUPPORTED'],
      ['Ed448', spki(generateKeyPairSync('ed448').publicKey), 'EdDSA', 'ERR_KEY_UNSUPPORTED'],
      [
        'RSA for PSS only',
        spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
        'PS256',
        'ERR_KEY_UNSUPPORTED',
      ],
      [
        'RSA of 1024 bits',
        spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
        'RS256',
        'ERR_KEY_WEAK',
      ],
      ['another type of key', spki(generateKeyPairSync('ed25519').publicKey), 'ES256', 'ERR_KEY_ALGORITHM_MISMATCH'],
    ] as const)('as SubjectPublicKeyInfo, refuses %s', async (_, bytes, alg, code) => {
      await expectCode(async () => crypto.importSpki(bytes, alg), code)
    })

    it.each([
      ['DER that is no key', { pkcs8: new Uint8Array([1, 2]) }, 'ES256', 'ERR_KEY_MALFORMED'],
      ['PEM that is no key', { pem: 'secret-text' }, 'ES256', 'ERR_KEY_MALFORMED'],
      ['a public JWK', { jwk: { kty: 'EC', crv: 'P-256', x, y } }, 'ES256', 'ERR_KEY_MALFORMED'],
      [
        'another curve',
        { pem: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) },
        'ES384',
        'ERR_KEY_ALGORITHM_MISMATCH',
      ],
      [
        'an RSA algorithm for an EC key',
        { pem: pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) },
        'RS256',
        'ERR_KEY_ALGORITHM_MISMATCH',
      ],
      [
        'weak RSA',
        { pem: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey) },
        'RS256',
        'ERR_KEY_WEAK',
      ],
      [
        'a small curve',
        { pem: pem(generateKeyPairSync('ec', { namedCurve: 'secp224r1' }).privateKey) },
        'ES256',
        'ERR_KEY_UNSUPPORTED',
      ],
      [
        'a key for key agreement',
        { pem: pem(generateKeyPairSync('x25519').privateKey) },
        'EdDSA',
        'ERR_KEY_UNSUPPORTED',
      ],
    ] as const)('as private key, refuses %s', async (_, source, alg, code) => {
      const error = await expectCode(async () => fixture.importKey(source, alg), code)
      expect(inspect(error, { depth: 10 })).not.toContain('secret-text')
    })

    it('shows nothing secret of a private key in logs and JSON', async () => {
      const key = await fixture.generate('ES256')
      const { d } = (await key.exportJwk()) as { d: string }
      expect(d).toHaveLength(43)
      expect(inspect(key, { depth: 10, showHidden: true })).not.toContain(d)
      expect(JSON.stringify(key)).not.toContain(d)
    })

    it('does not let a public key be changed', async () => {
      const key = await fixture.generate('ES256')
      expect(() => Object.assign(key.publicJwk, { alg: 'none' })).toThrow(TypeError)
    })
  })
}
