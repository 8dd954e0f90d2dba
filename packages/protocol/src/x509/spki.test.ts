import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { DerReader } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { encodeOid, Oid } from './oid.ts'
import { checkSpki, parseSpki, readPublicKeyBits } from './spki.ts'

const refused = expect.objectContaining({ code: 'ERR_CERTIFICATE_KEY' })

describe('parseSpki', () => {
  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256'] as const)('reads a key for %s', (alg) => {
    const { alg: _, ...jwk } = generateSigningKey(alg).publicJwk
    expect(parseSpki(nodeCrypto.exportSpki(jwk))).toEqual(jwk)
  })

  const export_ = (key: ReturnType<typeof generateKeyPairSync>['publicKey']) =>
    key.export({ type: 'spki', format: 'der' })
  const p256 = new Uint8Array(nodeCrypto.exportSpki(generateSigningKey('ES256').publicJwk))
  it.each([
    ['a weak RSA key', export_(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['another curve', export_(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['a key agreement key', export_(generateKeyPairSync('x25519').publicKey)],
    ['an RSA-PSS key', export_(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)],
    ['trailing bytes', Uint8Array.from([...p256, 0])],
    ['a compressed point', p256.map((byte, index) => (index === p256.length - 65 ? 2 : byte))],
    ['nothing', new Uint8Array()],
  ])('refuses %s', (_, spki) => {
    expect(() => parseSpki(spki)).toThrow(refused)
  })

  describe('on leftovers inside', () => {
    const NULL = encodeElement(DerTag.null)
    const spkiOf = (algorithm: Uint8Array[], bits: Uint8Array, ...rest: Uint8Array[]) =>
      encodeElement(
        DerTag.sequence,
        encodeElement(DerTag.sequence, ...algorithm),
        encodeElement(DerTag.bitString, Uint8Array.of(0), bits),
        ...rest,
      )
    const ec = [encodeOid(Oid.ecPublicKey), encodeOid(Oid.p256)]
    const edKey = new Uint8Array(nodeCrypto.exportSpki(generateSigningKey('EdDSA').publicJwk)).slice(-32)
    const rsaKey = readPublicKeyBits(nodeCrypto.exportSpki(generateSigningKey('RS256').publicJwk))
    const rsa = [encodeOid(Oid.rsaEncryption), NULL]
    const rsaNumbers = encodeElement(DerTag.sequence, new DerReader(rsaKey).next().content, NULL)

    it('has nothing wrong otherwise', () => {
      for (const spki of [spkiOf(ec, p256.slice(-65)), spkiOf([encodeOid(Oid.ed25519)], edKey), spkiOf(rsa, rsaKey)]) {
        expect(() => parseSpki(spki)).not.toThrow()
      }
    })

    it.each([
      ['EC parameters', spkiOf([...ec, NULL], p256.slice(-65))],
      ['Ed25519 parameters', spkiOf([encodeOid(Oid.ed25519), NULL], edKey)],
      ['RSA parameters', spkiOf([...rsa, NULL], rsaKey)],
      ['the RSA key', spkiOf(rsa, rsaNumbers)],
      ['the bits of the RSA key', spkiOf(rsa, Uint8Array.from([...rsaKey, 0]))],
      ['the structure', spkiOf(ec, p256.slice(-65), NULL)],
    ])('refuses them after %s', (_, spki) => {
      expect(() => parseSpki(spki)).toThrow(refused)
    })
  })

  it('finds the bits of a key of any kind', () => {
    expect(readPublicKeyBits(p256)).toEqual(p256.slice(-65))
    expect(() => readPublicKeyBits(p256.subarray(1))).toThrow(refused)
  })
})

describe('checkSpki', () => {
  const keys = (['ES256', 'ES384', 'EdDSA', 'RS256'] as const).map(
    (alg) => new Uint8Array(nodeCrypto.exportSpki(generateSigningKey(alg).publicJwk)),
  )

  it('accepts keys of every kind', () => {
    for (const spki of keys) expect(() => checkSpki(spki)).not.toThrow()
  })

  it('accepts what reading it accepts, and nothing else', () => {
    const accepts = (check: () => unknown) => {
      try {
        check()
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.nat(40),
        fc.nat(255),
        fc.integer({ min: -2, max: 2 }),
        (spki, at, byte, more) => {
          const changed = new Uint8Array(spki.length + more)
          changed.set(spki.subarray(0, changed.length))
          changed[at] = byte
          expect(accepts(() => checkSpki(changed))).toBe(accepts(() => readPublicKeyBits(changed)))
        },
      ),
      { numRuns: 1000 },
    )
  })
})
