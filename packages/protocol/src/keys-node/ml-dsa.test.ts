import { inspect } from 'node:util'
import { expectCode } from '@countersign/testing'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { isSignatureAlgorithm, SVID_ALGORITHMS } from '../keys/algorithm.ts'
import { isMlDsaAlgorithm, ML_DSA_ALGORITHMS, ML_DSA_SIZES } from '../keys/ml-dsa.ts'
import { type PublicJwk, parsePublicJwk, requireAlgorithm } from '../keys/public-jwk.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { generateMlDsaSigningKey, importMlDsaSigningKey, requireMlDsaRuntime } from './ml-dsa.ts'
import { nodeCrypto } from './node-crypto.ts'
import { nodeCryptoWith } from './node-crypto-with.ts'
import { generateSigningKey } from './signing-key.ts'

const data = new TextEncoder().encode('to be signed')
const crypto = nodeCryptoWith({ experimentalMlDsa: true })

describe.each(ML_DSA_ALGORITHMS)('%s', (alg) => {
  const key = generateMlDsaSigningKey(alg, { kid: 'a' })

  it('signs and verifies, and reads its keys back', async () => {
    const verifier = await crypto.importPublicJwk(key.publicJwk, alg)
    expect(verifier.alg).toBe(alg)
    expect(key.publicJwk).toMatchObject({ kty: 'AKP', alg, kid: 'a' })
    expect(key.publicJwk).not.toHaveProperty('priv')
    for (const read of [
      key,
      importMlDsaSigningKey({ pkcs8: key.exportPkcs8() }, alg),
      importMlDsaSigningKey({ jwk: key.exportJwk() }, alg),
    ]) {
      const signature = Uint8Array.from(read.sign(data))
      expect(signature).toHaveLength(ML_DSA_SIZES[alg].signature)
      expect(await verifier.verify(data, signature)).toBe(true)
      expect(await verifier.verify(data.subarray(1), signature)).toBe(false)
      expect(await verifier.verify(data, signature.slice(1))).toBe(false)
      expect(await verifier.verify(data, new Uint8Array([...signature, 0]))).toBe(false)
      signature[signature.length >> 1] = (signature[signature.length >> 1] as number) ^ 1
      expect(await verifier.verify(data, signature)).toBe(false)
    }
  })

  it('has the thumbprint that another implementation calculates', async () => {
    expect(await jwkThumbprint(key.publicJwk, crypto)).toBe(await calculateJwkThumbprint({ ...key.publicJwk }))
  })

  it('is parsed only where it is named', async () => {
    expect(parsePublicJwk(key.publicJwk, [alg])).toEqual(key.publicJwk)
    expect(requireAlgorithm(key.publicJwk, [alg])).toBe(alg)
    const others = ML_DSA_ALGORITHMS.filter((each) => each !== alg)
    for (const named of [undefined, [], others, [...SVID_ALGORITHMS]]) {
      await expectCode(() => parsePublicJwk(key.publicJwk, named), 'ERR_KEY_UNSUPPORTED')
      await expectCode(() => requireAlgorithm(key.publicJwk, named ?? []), 'ERR_KEY_UNSUPPORTED')
    }
  })

  it('is imported only by a backend that was told to', async () => {
    await expectCode(() => nodeCrypto.importPublicJwk(key.publicJwk, alg), 'ERR_KEY_UNSUPPORTED')
    const undecided = nodeCryptoWith({ experimentalMlDsa: undefined } as unknown as { experimentalMlDsa: true })
    await expectCode(() => undecided.importPublicJwk(key.publicJwk, alg), 'ERR_KEY_UNSUPPORTED')
  })

  it('shows nothing secret in logs and JSON', () => {
    const { priv } = key.exportJwk()
    expect(priv).toHaveLength(43)
    expect(inspect(key, { depth: 10, showHidden: true })).not.toContain(priv)
    expect(JSON.stringify(key)).not.toContain(priv)
  })
})

describe('a key for ML-DSA', () => {
  const { publicJwk } = generateMlDsaSigningKey('ML-DSA-44')

  it('is none of the algorithms that are on by default', () => {
    for (const alg of ML_DSA_ALGORITHMS) {
      expect(isSignatureAlgorithm(alg)).toBe(false)
      expect(SVID_ALGORITHMS as readonly string[]).not.toContain(alg)
    }
    for (const other of ['ml-dsa-44', 'ML-DSA-45', 'toString', '', 1, undefined])
      expect(isMlDsaAlgorithm(other)).toBe(false)
  })

  it.each([
    ['without its key', { ...publicJwk, pub: undefined }, 'ERR_KEY_MALFORMED'],
    ['that is too short', { ...publicJwk, pub: publicJwk.pub?.slice(4) }, 'ERR_KEY_MALFORMED'],
    ['that is not base64url', { ...publicJwk, pub: `${publicJwk.pub?.slice(1)}=` }, 'ERR_KEY_MALFORMED'],
    ['with its private half', { ...publicJwk, priv: 'AA' }, 'ERR_KEY_PRIVATE'],
    ['without an algorithm', { ...publicJwk, alg: undefined }, 'ERR_KEY_UNSUPPORTED'],
    ['with another algorithm', { ...publicJwk, alg: 'ES256' }, 'ERR_KEY_UNSUPPORTED'],
  ])('%s is refused', async (_, jwk, code) => {
    await expectCode(() => parsePublicJwk(jwk, ['ML-DSA-44', 'ES256']), code)
  })

  it('is not used under another algorithm, nor another key under its', async () => {
    const elliptic = generateSigningKey('ES256')
    for (const [jwk, alg] of [
      [publicJwk, 'ML-DSA-65'],
      [publicJwk, 'ES256'],
      [elliptic.publicJwk, 'ML-DSA-44'],
      [{ ...elliptic.publicJwk, alg: 'ML-DSA-44' }, 'ML-DSA-44'],
    ] as const) {
      await expectCode(() => crypto.importPublicJwk(jwk as PublicJwk, alg), 'ERR_KEY_ALGORITHM_MISMATCH')
    }
    const pkcs8 = elliptic.exportPkcs8()
    await expectCode(() => importMlDsaSigningKey({ pkcs8 }, 'ML-DSA-44'), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(() => importMlDsaSigningKey({ pem: 'secret' }, 'ML-DSA-44'), 'ERR_KEY_MALFORMED')
  })

  it('leaves the other algorithms of the backend as they are', async () => {
    const key = generateSigningKey('ES256')
    expect(await (await crypto.importPublicJwk(key.publicJwk, 'ES256')).verify(data, key.sign(data))).toBe(true)
  })
})

describe('a runtime without ML-DSA', () => {
  it('is told which one has it', async () => {
    const error = await expectCode(
      () =>
        requireMlDsaRuntime(() => {
          throw new TypeError('Unsupported key type')
        }),
      'ERR_KEY_RUNTIME',
    )
    expect(error.message).toContain('Node 24.6')
  })
})
