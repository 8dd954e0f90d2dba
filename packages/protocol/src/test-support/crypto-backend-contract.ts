import { Buffer } from 'node:buffer'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { expectCode } from '@countersign/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithm.ts'
import type { CryptoBackend, Eventual, SigningKey } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'

/** A signing key that can be read out again. */
export interface ExportableKey extends SigningKey {
  exportPkcs8(): Eventual<Uint8Array>
  exportJwk(): Eventual<object>
}

type KeySource = { readonly pkcs8: Uint8Array } | { readonly pem: string } | { readonly jwk: object }

/** A backend with the signing keys that belong to it. */
export interface CryptoBackendFixture {
  readonly crypto: CryptoBackend
  generate(alg: SignatureAlgorithm, options?: { readonly kid?: string }): Eventual<ExportableKey>
  importKey(source: KeySource, alg: SignatureAlgorithm, options?: { readonly kid?: string }): Eventual<ExportableKey>
}

const data = new TextEncoder().encode('to be signed')
const SIGNATURE_BYTES: Partial<Record<SignatureAlgorithm, number>> = {
  ES256: 64,
  ES384: 96,
  ES512: 132,
  EdDSA: 64,
  Ed25519: 64,
}

/** Orders of the groups, big-endian. FIPS 186-4 appendix D.1.2. */
const ORDERS = {
  ES256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  ES384: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  ES512:
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
} as const

/** Little-endian. RFC 8032 section 5.1. */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })

/** RSA keys are slow to make, so all RSA algorithms share these. */
const rsaPem = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
const otherRsaPem = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
const isRsa = (alg: SignatureAlgorithm) => alg.startsWith('RS') || alg.startsWith('PS')

/**
 * The contract of `CryptoBackend`, and of the signing keys that come with one: the same keys, signatures and refusals on
 * every runtime. `peer` is another implementation; each verifies what the other signed.
 */
export function describeCryptoBackend(name: string, fixture: CryptoBackendFixture, peer: CryptoBackendFixture): void {
  const { crypto } = fixture
  const keyFor = async (from: CryptoBackendFixture, alg: SignatureAlgorithm, rsa = rsaPem) =>
    isRsa(alg) ? from.importKey({ pem: rsa }, alg) : from.generate(alg)

  describe.each(SIGNATURE_ALGORITHMS)(`${name} keeps the crypto backend contract: %s`, (alg) => {
    let key: ExportableKey
    let signature: Uint8Array

    beforeAll(async () => {
      key = await keyFor(fixture, alg)
      // A copy that owns its bytes: `slice` of a node buffer shares them.
      signature = Uint8Array.from(await key.sign(data))
    })

    it('verifies what was signed, with the key in either form', async () => {
      const verifier = await crypto.importPublicJwk(key.publicJwk, alg)
      expect(verifier.alg).toBe(alg)
      expect(await verifier.verify(data, signature)).toBe(true)
      const der = await crypto.exportSpki(key.publicJwk)
      expect(await (await crypto.importSpki(der, alg)).verify(data, signature)).toBe(true)
    })

    it('writes a public key as the other implementation does', async () => {
      expect(Buffer.from(await crypto.exportSpki(key.publicJwk)).toString('hex')).toBe(
        Buffer.from(await peer.crypto.exportSpki(key.publicJwk)).toString('hex'),
      )
    })

    it('agrees with the other implementation, both ways', async () => {
      const theirs = await keyFor(peer, alg)
      const ourVerifier = await crypto.importPublicJwk(theirs.publicJwk, alg)
      const theirVerifier = await peer.crypto.importPublicJwk(key.publicJwk, alg)
      for (const text of ['', 'a', 'message', 'é'.repeat(5000)]) {
        const message = new TextEncoder().encode(text)
        expect(await ourVerifier.verify(message, await theirs.sign(message))).toBe(true)
        expect(await theirVerifier.verify(message, await key.sign(message))).toBe(true)
      }
    })

    it('says the same of a damaged signature as the other implementation: no', async () => {
      const ourVerifier = await crypto.importPublicJwk(key.publicJwk, alg)
      const theirVerifier = await peer.crypto.importPublicJwk(key.publicJwk, alg)
      for (let index = 0; index < signature.length; index += 7) {
        const damaged = signature.slice()
        damaged[index] = (damaged[index] as number) ^ (1 << (index % 8))
        expect(await ourVerifier.verify(data, damaged)).toBe(false)
        expect(await theirVerifier.verify(data, damaged)).toBe(false)
      }
    })

    it('makes signatures of one length', () => {
      expect(signature).toHaveLength(SIGNATURE_BYTES[alg] ?? 256)
    })

    it('refuses other data and other keys', async () => {
      const verifier = await crypto.importPublicJwk(key.publicJwk, alg)
      expect(await verifier.verify(data.subarray(1), signature)).toBe(false)
      const other = await keyFor(fixture, alg, otherRsaPem)
      expect(await (await crypto.importPublicJwk(other.publicJwk, alg)).verify(data, signature)).toBe(false)
    })

    it('refuses a signature of any other length with false, not with an exception', async () => {
      const verifier = await crypto.importPublicJwk(key.publicJwk, alg)
      const padded = new Uint8Array([0, ...signature])
      const longer = new Uint8Array([...signature, 0])
      const uniform = [0, 0xff].map((byte) => new Uint8Array(signature.length).fill(byte))
      for (const wrong of [new Uint8Array(), signature.slice(1), signature.slice(0, -1), padded, longer, ...uniform]) {
        expect(await verifier.verify(data, wrong)).toBe(false)
      }
    })

    it('makes keys that say what they are for, and reads them back', async () => {
      const named = isRsa(alg)
        ? await fixture.importKey({ pem: rsaPem }, alg, { kid: 'a' })
        : await fixture.generate(alg, { kid: 'a' })
      expect(named.alg).toBe(alg)
      expect(named.publicJwk).toMatchObject({ alg, kid: 'a' })
      expect(named.publicJwk).not.toHaveProperty('d')
      expect(key.publicJwk).not.toHaveProperty('kid')
      const verifier = await crypto.importPublicJwk(named.publicJwk, alg)
      for (const source of [{ pkcs8: await named.exportPkcs8() }, { jwk: await named.exportJwk() }]) {
        const read = await fixture.importKey(source, alg, { kid: 'a' })
        expect(read.publicJwk).toEqual(named.publicJwk)
        expect(await verifier.verify(data, await read.sign(data))).toBe(true)
      }
      const elsewhere = await peer.importKey({ pkcs8: await named.exportPkcs8() }, alg, { kid: 'a' })
      expect(elsewhere.publicJwk).toEqual(named.publicJwk)
    })
  })

  describe(`${name} keeps the crypto backend contract: signatures`, () => {
    it.each(Object.entries(ORDERS))('of %s have numbers between zero and the order of the group', async (alg, hex) => {
      const key = await fixture.generate(alg as SignatureAlgorithm)
      const verifier = await crypto.importPublicJwk(key.publicJwk, alg as SignatureAlgorithm)
      const signature = Uint8Array.from(await key.sign(data))
      const half = signature.length / 2
      const order = Buffer.from(hex, 'hex')
      const zero = Buffer.alloc(half)
      for (const number of [zero, order, Buffer.alloc(half, 0xff)]) {
        expect(await verifier.verify(data, new Uint8Array([...number, ...signature.slice(half)]))).toBe(false)
        expect(await verifier.verify(data, new Uint8Array([...signature.slice(0, half), ...number]))).toBe(false)
      }
    })

    it('of Ed25519 have a scalar below the order of the group', async () => {
      const key = await fixture.generate('Ed25519')
      const verifier = await crypto.importPublicJwk(key.publicJwk, 'Ed25519')
      const signature = Uint8Array.from(await key.sign(data))
      let scalar = 0n
      for (let index = 63; index >= 32; index--) scalar = (scalar << 8n) | BigInt(signature[index] as number)
      for (const larger of [scalar + ED25519_ORDER, ED25519_ORDER]) {
        const bytes = signature.slice()
        for (let index = 0; index < 32; index++) bytes[32 + index] = Number((larger >> BigInt(8 * index)) & 0xffn)
        expect(await verifier.verify(data, bytes)).toBe(false)
      }
      expect(await verifier.verify(data, signature)).toBe(true)
    })

    it('of RSA do not pass from one padding or digest to another', async () => {
      const signature = await (await fixture.importKey({ pem: rsaPem }, 'RS256')).sign(data)
      const pss = await fixture.importKey({ pem: rsaPem }, 'PS256')
      for (const alg of ['RS384', 'RS512', 'PS256'] as const) {
        expect(await (await crypto.importPublicJwk(pss.publicJwk, alg)).verify(data, signature)).toBe(false)
      }
      const verifier = await crypto.importPublicJwk(pss.publicJwk, 'RS256')
      expect(await verifier.verify(data, await pss.sign(data))).toBe(false)
    })

    it('of ECDSA are not accepted as DER', async () => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = await fixture.importKey({ pem: pem(pair.privateKey) }, 'ES256')
      const verifier = await crypto.importPublicJwk(key.publicJwk, 'ES256')
      const { sign } = await import('node:crypto')
      expect(await verifier.verify(data, sign('sha256', data, pair.privateKey))).toBe(false)
    })

    it('is that of RFC 8037 appendix A.4', async () => {
      const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
      const d = 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A'
      const expected = 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'
      const input = new TextEncoder().encode('eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc')
      const key = await fixture.importKey({ jwk: { ...jwk, d } }, 'EdDSA')
      expect(Buffer.from(await key.sign(input)).toString('base64url')).toBe(expected)
      const verifier = await crypto.importPublicJwk(jwk, 'EdDSA')
      expect(await verifier.verify(input, Buffer.from(expected, 'base64url'))).toBe(true)
    })
  })

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

  describe(`${name} keeps the crypto backend contract: hashes and randomness`, () => {
    it('hashes text as its UTF-8 bytes', async () => {
      const expected = createHash('sha256').update('é', 'utf8').digest()
      expect(Buffer.from(await crypto.sha256('é')).equals(expected)).toBe(true)
      expect(Buffer.from(await crypto.sha256(Buffer.from('é'))).equals(expected)).toBe(true)
      expect(await crypto.sha256Base64url('é')).toBe(expected.toString('base64url'))
    })

    it.each([
      ['sha-256', 'sha256'],
      ['sha-512', 'sha512'],
    ] as const)('hashes bytes with %s', async (algorithm, nodeName) => {
      const expected = createHash(nodeName).update('é').digest()
      expect(Buffer.from((await crypto.digest?.(algorithm, Buffer.from('é'))) ?? []).equals(expected)).toBe(true)
      const text = await crypto.digestBase64?.(algorithm, Buffer.from('é'))
      expect(text ?? expected.toString('base64')).toBe(expected.toString('base64'))
    })

    it('never gives the same random bytes twice, and as many as were asked for', () => {
      const seen = new Set<string>()
      for (let draw = 0; draw < 1000; draw++) seen.add(Buffer.from(crypto.randomBytes(16)).toString('hex'))
      expect(seen.size).toBe(1000)
      for (const length of [0, 1, 1024, 5000, 65_536, 200_001]) {
        const bytes = crypto.randomBytes(length)
        expect(bytes).toHaveLength(length)
        if (length >= 1024) expect(new Set(bytes.slice(-1000)).size).toBeGreaterThan(128)
      }
    })
  })
}
