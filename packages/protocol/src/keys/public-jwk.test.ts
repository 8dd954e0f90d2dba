import { Buffer } from 'node:buffer'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { type PublicJwk, parsePublicJwk, requireAlgorithm } from './public-jwk.ts'

const ec = generateSigningKey('ES256', { kid: 'one' }).publicJwk
const p521 = generateSigningKey('ES512').publicJwk
const okp = generateSigningKey('EdDSA').publicJwk
const rsa = generateSigningKey('RS256').publicJwk

const bytes = (length: number, first = 0xff) => {
  const buffer = Buffer.alloc(length, 0xff)
  buffer[0] = first
  return buffer.toString('base64url')
}

describe('parsePublicJwk', () => {
  it.each([
    ['EC', ec],
    ['EC with coordinates of 66 bytes', p521],
    ['OKP', okp],
    ['RSA', rsa],
    ['RSA of exactly 2048 bits', { kty: 'RSA', n: bytes(256, 0x80), e: 'AQAB' }],
    ['RSA of exactly 8192 bits', { kty: 'RSA', n: bytes(1024), e: 'Aw' }],
  ])('accepts %s', (_, jwk) => {
    expect(parsePublicJwk(jwk)).toEqual(jwk)
  })

  it('keeps known public members only', () => {
    const jwk = { ...ec, use: 'sig', x5u: 'https://attacker.example', key_ops: ['verify'], ext: true }
    expect(parsePublicJwk(jwk)).toEqual({ ...ec, use: 'sig' })
    expect(parsePublicJwk({ ...okp, y: 'AA', n: 'AA' })).toEqual(okp)
  })

  it.each([
    ['nothing', undefined, 'ERR_KEY_MALFORMED'],
    ['null', null, 'ERR_KEY_MALFORMED'],
    ['text', 'key', 'ERR_KEY_MALFORMED'],
    ['an array', [ec], 'ERR_KEY_MALFORMED'],
    ['no kty', { ...ec, kty: undefined }, 'ERR_KEY_MALFORMED'],
    ['a kty that is no text', { ...ec, kty: 1 }, 'ERR_KEY_MALFORMED'],
    ['another kty', { ...ec, kty: 'AKP' }, 'ERR_KEY_UNSUPPORTED'],
    ['a kty in lower case', { ...ec, kty: 'ec' }, 'ERR_KEY_UNSUPPORTED'],
    ['no crv', { ...ec, crv: undefined }, 'ERR_KEY_MALFORMED'],
    ['an unsupported curve', { ...ec, crv: 'secp256k1' }, 'ERR_KEY_UNSUPPORTED'],
    ['a curve of another key type', { ...ec, crv: 'Ed25519' }, 'ERR_KEY_UNSUPPORTED'],
    ['an OKP key for key agreement', { ...okp, crv: 'X25519' }, 'ERR_KEY_UNSUPPORTED'],
    ['no x', { ...ec, x: undefined }, 'ERR_KEY_MALFORMED'],
    ['an empty x', { ...ec, x: '' }, 'ERR_KEY_MALFORMED'],
    ['no y', { ...ec, y: undefined }, 'ERR_KEY_MALFORMED'],
    ['an OKP key without x', { ...okp, x: undefined }, 'ERR_KEY_MALFORMED'],
    ['a short x', { ...ec, x: bytes(31) }, 'ERR_KEY_MALFORMED'],
    ['a short y', { ...ec, y: bytes(31) }, 'ERR_KEY_MALFORMED'],
    ['a long x', { ...ec, x: bytes(33, 0) }, 'ERR_KEY_MALFORMED'],
    ['a P-521 x without its leading zero', { ...p521, x: bytes(65) }, 'ERR_KEY_MALFORMED'],
    ['a short Ed25519 x', { ...okp, x: bytes(31) }, 'ERR_KEY_MALFORMED'],
    ['an x that is not base64url', { ...ec, x: `${'A'.repeat(42)}=` }, 'ERR_KEY_MALFORMED'],
    ['no n', { ...rsa, n: undefined }, 'ERR_KEY_MALFORMED'],
    ['no e', { ...rsa, e: undefined }, 'ERR_KEY_MALFORMED'],
    ['a modulus with a leading zero', { ...rsa, n: bytes(257, 0) }, 'ERR_KEY_MALFORMED'],
    ['an exponent with a leading zero', { ...rsa, e: 'AAEAAQ' }, 'ERR_KEY_MALFORMED'],
    ['a modulus of 2047 bits', { ...rsa, n: bytes(256, 0x7f) }, 'ERR_KEY_WEAK'],
    ['a modulus of 1024 bits', { ...rsa, n: bytes(128) }, 'ERR_KEY_WEAK'],
    ['a modulus above 8192 bits', { ...rsa, n: bytes(1025, 1) }, 'ERR_KEY_WEAK'],
    ['an exponent above 64 bits', { ...rsa, e: bytes(9) }, 'ERR_KEY_WEAK'],
    ['the exponent 1', { ...rsa, e: 'AQ' }, 'ERR_KEY_WEAK'],
    ['an even exponent', { ...rsa, e: 'AQAA' }, 'ERR_KEY_WEAK'],
    ['the exponent 2', { ...rsa, e: 'Ag' }, 'ERR_KEY_WEAK'],
    ['a kid that is no text', { ...ec, kid: 7 }, 'ERR_KEY_MALFORMED'],
    ['an empty kid', { ...ec, kid: '' }, 'ERR_KEY_MALFORMED'],
    ['an alg that is no text', { ...ec, alg: ['ES256'] }, 'ERR_KEY_MALFORMED'],
    ['a use that is no text', { ...ec, use: null }, 'ERR_KEY_MALFORMED'],
    ['a symmetric key', { kty: 'oct', k: 'AA' }, 'ERR_KEY_PRIVATE'],
  ])('refuses %s', async (_, jwk, code) => {
    await expectCode(() => parsePublicJwk(jwk), code)
  })

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'])(
    'refuses the private member "%s", whatever its value',
    async (name) => {
      const error = await expectCode(() => parsePublicJwk({ ...rsa, [name]: 'c2VjcmV0' }), 'ERR_KEY_PRIVATE')
      expect(error.detail).toBe(`member "${name}"`)
      await expectCode(() => parsePublicJwk({ ...ec, [name]: undefined }), 'ERR_KEY_PRIVATE')
      await expectCode(() => parsePublicJwk({ ...okp, [name]: 1 }), 'ERR_KEY_PRIVATE')
    },
  )

  it('accepts the exponent 257, whose last byte is 1', () => {
    expect(parsePublicJwk({ ...rsa, e: 'AQE' }).e).toBe('AQE')
  })
})

describe('requireAlgorithm', () => {
  it.each([ec, p521, okp, rsa, { ...rsa, alg: 'PS512' }, { ...ec, use: 'sig' }])('accepts $kty with $alg', (jwk) => {
    expect(requireAlgorithm(jwk as PublicJwk)).toBe(jwk.alg)
  })

  it.each([
    ['no alg', { alg: undefined }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['alg none', { alg: 'none' }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['an HMAC', { alg: 'HS256' }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['key agreement', { alg: 'ECDH-ES' }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['an algorithm of another curve', { alg: 'ES384' }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['an algorithm of another key type', { alg: 'RS256' }, 'ERR_KEY_ALGORITHM_MISMATCH'],
    ['a key for encryption', { use: 'enc' }, 'ERR_KEY_USE'],
    ['a key for something unknown', { use: 'x509-svid' }, 'ERR_KEY_USE'],
  ])('refuses %s', async (_, change, code) => {
    const { alg, ...rest } = ec
    const jwk = 'alg' in change ? { ...rest, ...(change.alg === undefined ? {} : change) } : { ...rest, alg, ...change }
    await expectCode(() => requireAlgorithm(jwk as PublicJwk), code)
  })
})

describe('key_ops', () => {
  const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', alg: 'EdDSA' }

  it.each([[['encrypt']], [['deriveKey']], [['sign']], [[]], ['verify'], [{}], [null]])(
    'refuses %j',
    async (operations) => {
      await expectCode(() => parsePublicJwk({ ...key, key_ops: operations }), 'ERR_KEY_USE')
    },
  )

  it('accepts a key for verifying', () => {
    expect(parsePublicJwk({ ...key, key_ops: ['verify'] })).toEqual(key)
  })
})
