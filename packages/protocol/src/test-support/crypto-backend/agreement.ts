import { Buffer } from 'node:buffer'
import { generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../keys/algorithm.ts'
import { type CryptoBackendFixture, data, type ExportableKey, pem, rsaPem } from './fixture.ts'

const SIGNATURE_BYTES: Partial<Record<SignatureAlgorithm, number>> = {
  ES256: 64,
  ES384: 96,
  ES512: 132,
  EdDSA: 64,
  Ed25519: 64,
}

const otherRsaPem = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
const isRsa = (alg: SignatureAlgorithm) => alg.startsWith('RS') || alg.startsWith('PS')

/** For each algorithm: the same keys and signatures as another implementation has. */
export function describeAgreement(name: string, fixture: CryptoBackendFixture, peer: CryptoBackendFixture): void {
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
}
