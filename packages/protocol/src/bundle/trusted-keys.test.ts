import { countingCrypto, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { TrustedKeys } from './trusted-keys.ts'

const first = generateSigningKey('ES256', { kid: 'first' })
const second = generateSigningKey('ES256', { kid: 'second' })
const edwards = generateSigningKey('EdDSA', { kid: 'edwards' })
const data = new Uint8Array([1, 2, 3])

/** The key without its name and algorithm, as some JWK Sets have it. */
function bare(jwk: PublicJwk): PublicJwk {
  const { kid: _, alg: __, ...rest } = jwk
  return rest
}

async function selected(keys: TrustedKeys, kid: string | undefined, alg: 'ES256' | 'EdDSA' | 'ES384') {
  const selection = keys.select(kid, alg)
  return selection === 'unknown' || selection === 'ambiguous' ? selection : await selection
}

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('TrustedKeys on a %s backend', (_, crypto) => {
  it('selects exactly the key with the name', async () => {
    const keys = new TrustedKeys([first.publicJwk, second.publicJwk], crypto)
    const key = await selected(keys, 'second', 'ES256')
    if (typeof key === 'string') throw new Error(key)
    expect(await key.verify(data, second.sign(data))).toBe(true)
    expect(await key.verify(data, first.sign(data))).toBe(false)
  })

  it('does not fall back to the only key when the name is unknown', async () => {
    const keys = new TrustedKeys([first.publicJwk], crypto)
    expect(await selected(keys, 'other', 'ES256')).toBe('unknown')
    expect(await selected(new TrustedKeys([bare(first.publicJwk)], crypto), 'first', 'ES256')).toBe('unknown')
  })

  it('takes the only fitting key when there is no name', async () => {
    const keys = new TrustedKeys([first.publicJwk, edwards.publicJwk], crypto)
    expect(await selected(keys, undefined, 'ES256')).toMatchObject({ alg: 'ES256' })
    expect(await selected(keys, undefined, 'EdDSA')).toMatchObject({ alg: 'EdDSA' })
    expect(await selected(keys, undefined, 'ES384')).toBe('unknown')
  })

  it('does not guess between two', async () => {
    const keys = new TrustedKeys([first.publicJwk, second.publicJwk], crypto)
    expect(await selected(keys, undefined, 'ES256')).toBe('ambiguous')
    const twins = new TrustedKeys([first.publicJwk, { ...second.publicJwk, kid: 'first' }], crypto)
    expect(await selected(twins, 'first', 'ES256')).toBe('ambiguous')
  })

  it('tells keys of one name apart by their type', async () => {
    const keys = new TrustedKeys([first.publicJwk, { ...edwards.publicJwk, kid: 'first' }], crypto)
    expect(await selected(keys, 'first', 'EdDSA')).toMatchObject({ alg: 'EdDSA' })
    expect(await selected(keys, 'first', 'ES256')).toMatchObject({ alg: 'ES256' })
  })

  it('holds a key to the algorithm it names, and leaves keys for encryption alone', async () => {
    const mislabelled = new TrustedKeys([{ ...first.publicJwk, alg: 'ES384' }], crypto)
    expect(await selected(mislabelled, 'first', 'ES256')).toBe('unknown')
    expect(await selected(mislabelled, 'first', 'ES384')).toBe('unknown')
    const encryption = new TrustedKeys([{ ...first.publicJwk, use: 'enc' }], crypto)
    expect(await selected(encryption, 'first', 'ES256')).toBe('unknown')
    const { alg: _, ...anyAlgorithm } = first.publicJwk
    expect(await selected(new TrustedKeys([anyAlgorithm], crypto), 'first', 'ES256')).toMatchObject({ alg: 'ES256' })
  })

  it('imports each key once', async () => {
    const counted = countingCrypto(crypto)
    const keys = new TrustedKeys([first.publicJwk, edwards.publicJwk], counted.crypto)
    const once = await selected(keys, 'first', 'ES256')
    expect(await selected(keys, 'first', 'ES256')).toBe(once)
    await selected(keys, 'edwards', 'EdDSA')
    await selected(keys, 'edwards', 'EdDSA')
    expect(counted.calls.imports).toBe(2)
  })

  it('keeps names that look like its own cache keys apart', async () => {
    const odd = generateSigningKey('EdDSA', { kid: 'ES256' })
    const keys = new TrustedKeys([first.publicJwk, odd.publicJwk], crypto)
    await selected(keys, 'ES256', 'EdDSA')
    expect(await selected(keys, ' ES256', 'ES256')).toBe('unknown')
    expect(await selected(keys, '', 'ES256')).toBe('unknown')
    expect(await selected(keys, 'ES256', 'ES256')).toBe('unknown')
  })
})

describe('TrustedKeys', () => {
  it('tries again after a backend failed for a moment', async () => {
    let failures = 1
    const flaky: CryptoBackend = {
      ...promisedCrypto(nodeCrypto),
      importPublicJwk: async (jwk, alg) => {
        if (failures-- > 0) throw new Error('key server is away')
        return nodeCrypto.importPublicJwk(jwk, alg)
      },
    }
    const keys = new TrustedKeys([first.publicJwk], flaky)
    await expect(keys.select('first', 'ES256')).rejects.toThrow('key server is away')
    expect(await selected(keys, 'first', 'ES256')).toMatchObject({ alg: 'ES256' })
  })
})
