import { Buffer } from 'node:buffer'
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { SignatureAlgorithm } from '../../keys/algorithm.ts'
import type { PublicJwk } from '../../keys/public-jwk.ts'
import { type CryptoBackendFixture, data, pem, rsaPem } from './fixture.ts'

/** Orders of the groups, big-endian. FIPS 186-4 appendix D.1.2. */
const ORDERS = {
  ES256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  ES384: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  ES512:
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
} as const

/** Little-endian. RFC 8032 section 5.1. */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** What is no signature, although it looks like one. */
export function describeSignatures(name: string, fixture: CryptoBackendFixture): void {
  const { crypto } = fixture

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
}
