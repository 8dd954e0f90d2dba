import { Buffer } from 'node:buffer'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../keys/algorithm.ts'
import { nodeCrypto } from './node-crypto.ts'
import { generateSigningKey, importSigningKey, type NodeSigningKey } from './signing-key.ts'

const data = new TextEncoder().encode('to be signed')
const rsa = generateSigningKey('RS256')

/** RSA keys are slow to make, so all RSA algorithms share one. */
function keyFor(alg: SignatureAlgorithm): NodeSigningKey {
  return alg.startsWith('RS') || alg.startsWith('PS')
    ? importSigningKey({ pkcs8: rsa.exportPkcs8() }, alg)
    : generateSigningKey(alg)
}

const SIGNATURE_BYTES = { ES256: 64, ES384: 96, ES512: 132, EdDSA: 64, Ed25519: 64 } as const

describe.each(SIGNATURE_ALGORITHMS)('%s', (alg) => {
  const key = keyFor(alg)
  const signature = key.sign(data)
  const verifier = nodeCrypto.importPublicJwk(key.publicJwk, alg)

  it('verifies what was signed, with the key in either form', () => {
    expect(verifier.alg).toBe(alg)
    expect(verifier.verify(data, signature)).toBe(true)
    expect(nodeCrypto.importSpki(nodeCrypto.exportSpki(key.publicJwk), alg).verify(data, signature)).toBe(true)
  })

  it('makes signatures of one length', () => {
    expect(signature).toHaveLength(alg in SIGNATURE_BYTES ? SIGNATURE_BYTES[alg as 'ES256'] : 256)
  })

  it('refuses other data and other keys', () => {
    expect(verifier.verify(data.subarray(1), signature)).toBe(false)
    const other = alg.startsWith('RS') || alg.startsWith('PS') ? generateSigningKey(alg) : keyFor(alg)
    expect(nodeCrypto.importPublicJwk(other.publicJwk, alg).verify(data, signature)).toBe(false)
  })

  it('does the same in the pool, whatever becomes of the bytes meanwhile', async () => {
    const bytes = Uint8Array.from(data)
    const proof = Uint8Array.from(signature)
    const wrong = Uint8Array.from(signature)
    wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
    // Many at once: each is copied before the next one is prepared.
    const verdicts = [proof, wrong, proof, wrong.slice(1)].map((each) => verifier.verifyInPool(bytes, each))
    const signing = key.signInPool(bytes)
    bytes.fill(0)
    proof.fill(0)
    wrong.fill(0)
    expect(await Promise.all(verdicts)).toEqual([true, false, true, false])
    expect(verifier.verify(data, await signing)).toBe(true)
  })

  it('refuses a signature of any other length with false, not with an exception', () => {
    const padded = new Uint8Array([0, ...signature])
    const longer = new Uint8Array([...signature, 0])
    for (const wrong of [new Uint8Array(), signature.slice(1), signature.slice(0, -1), padded, longer]) {
      expect(verifier.verify(data, wrong)).toBe(false)
    }
    expect(verifier.verify(data, new Uint8Array(signature.length))).toBe(false)
    expect(verifier.verify(data, new Uint8Array(signature.length).fill(0xff))).toBe(false)
  })
})

describe('signatures', () => {
  it('have one spelling: a leading zero byte cannot be left out', () => {
    for (const alg of ['RS256', 'PS256', 'ES256'] as const) {
      const key = keyFor(alg)
      const verifier = nodeCrypto.importPublicJwk(key.publicJwk, alg)
      // One signature in 256 begins with a zero byte.
      for (let attempt = 0; attempt < 10_000; attempt++) {
        const message = new TextEncoder().encode(`message ${attempt}`)
        const signature = key.sign(message)
        if (signature[0] !== 0) continue
        expect(verifier.verify(message, signature)).toBe(true)
        expect(verifier.verify(message, signature.slice(1))).toBe(false)
        break
      }
    }
  })

  it('of RSA do not pass from one padding or digest to another', () => {
    const signature = keyFor('RS256').sign(data)
    for (const alg of ['RS384', 'RS512', 'PS256'] as const) {
      expect(nodeCrypto.importPublicJwk(rsa.publicJwk, alg).verify(data, signature)).toBe(false)
    }
    expect(nodeCrypto.importPublicJwk(rsa.publicJwk, 'RS256').verify(data, keyFor('PS256').sign(data))).toBe(false)
  })

  it('of ECDSA are not accepted as DER', () => {
    const key = generateSigningKey('ES256')
    const verifier = nodeCrypto.importPublicJwk(key.publicJwk, 'ES256')
    const signature = key.sign(data)
    const integer = (bytes: Uint8Array) => {
      const significant = [...bytes].slice([...bytes].findIndex((byte) => byte !== 0))
      const value = (significant[0] as number) >= 0x80 ? [0, ...significant] : significant
      return [2, value.length, ...value]
    }
    const body = [...integer(signature.slice(0, 32)), ...integer(signature.slice(32))]
    expect(verifier.verify(data, new Uint8Array([0x30, body.length, ...body]))).toBe(false)
  })
})

describe('importPublicJwk', () => {
  const { x = '', y = '' } = generateSigningKey('ES256').publicJwk

  it.each([
    ['a point off the curve', { kty: 'EC', crv: 'P-256', x, y: x }, 'ES256'],
    ['the point 0, 0', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }, 'ES256'],
    ['a coordinate above the field', { kty: 'EC', crv: 'P-256', x: `${'_'.repeat(42)}8`, y }, 'ES256'],
    ['a point of another curve', { kty: 'EC', crv: 'P-384', x, y }, 'ES384'],
  ] as const)('refuses %s', async (_, jwk, alg) => {
    await expectCode(() => nodeCrypto.importPublicJwk(jwk, alg), 'ERR_KEY_MALFORMED')
    await expectCode(() => nodeCrypto.exportSpki(jwk), 'ERR_KEY_MALFORMED')
  })

  it('refuses an algorithm that does not fit the key', async () => {
    const jwk = generateSigningKey('ES256').publicJwk
    await expectCode(() => nodeCrypto.importPublicJwk(jwk, 'ES384'), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(() => nodeCrypto.importPublicJwk(jwk, 'EdDSA'), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(() => nodeCrypto.importPublicJwk(rsa.publicJwk, 'ES256'), 'ERR_KEY_ALGORITHM_MISMATCH')
  })
})

describe('importSpki', () => {
  const spki = (pair: { publicKey: KeyObject }) => pair.publicKey.export({ type: 'spki', format: 'der' })

  it.each([
    ['bytes that are no key', new Uint8Array([1, 2, 3]), 'RS256', 'ERR_KEY_MALFORMED'],
    ['a small curve', spki(generateKeyPairSync('ec', { namedCurve: 'secp224r1' })), 'ES256', 'ERR_KEY_UNSUPPORTED'],
    ['secp256k1', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), 'ES256', 'ERR_KEY_UNSUPPORTED'],
    ['X25519', spki(generateKeyPairSync('x25519')), 'EdDSA', 'ERR_KEY_UNSUPPORTED'],
    ['Ed448', spki(generateKeyPairSync('ed448')), 'EdDSA', 'ERR_KEY_UNSUPPORTED'],
    ['RSA for PSS only', spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })), 'PS256', 'ERR_KEY_UNSUPPORTED'],
    ['RSA of 1024 bits', spki(generateKeyPairSync('rsa', { modulusLength: 1024 })), 'RS256', 'ERR_KEY_WEAK'],
    ['another type of key', spki(generateKeyPairSync('ed25519')), 'ES256', 'ERR_KEY_ALGORITHM_MISMATCH'],
  ] as const)('refuses %s', async (_, bytes, alg, code) => {
    await expectCode(() => nodeCrypto.importSpki(bytes, alg), code)
  })
})

describe('hashes and randomness', () => {
  it('hash text as its UTF-8 bytes', () => {
    const expected = createHash('sha256').update('é', 'utf8').digest()
    expect(Buffer.from(nodeCrypto.sha256('é')).equals(expected)).toBe(true)
    expect(Buffer.from(nodeCrypto.sha256(Buffer.from('é'))).equals(expected)).toBe(true)
    expect(nodeCrypto.sha256Base64url('é')).toBe(expected.toString('base64url'))
  })

  it.each([
    ['sha-256', 'sha256'],
    ['sha-512', 'sha512'],
  ] as const)('hash bytes with %s', (algorithm, name) => {
    const data = Buffer.from('é')
    expect(Buffer.from(nodeCrypto.digest(algorithm, data)).equals(createHash(name).update(data).digest())).toBe(true)
  })

  it('never give the same random bytes twice, across the border of the pool and beyond its size', () => {
    const seen = new Set<string>()
    for (let draw = 0; draw < 1000; draw++) {
      const bytes = nodeCrypto.randomBytes(16)
      expect(bytes).toHaveLength(16)
      seen.add(Buffer.from(bytes).toString('hex'))
    }
    expect(seen.size).toBe(1000)
    expect(nodeCrypto.randomBytes(0)).toHaveLength(0)
    expect(nodeCrypto.randomBytes(1024)).not.toEqual(nodeCrypto.randomBytes(1024))
    expect(nodeCrypto.randomBytes(5000)).not.toEqual(nodeCrypto.randomBytes(5000))
    expect(nodeCrypto.randomBytes(5000)).toHaveLength(5000)
  })
})
