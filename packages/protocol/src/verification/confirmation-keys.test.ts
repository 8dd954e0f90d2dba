import { countingCrypto, expectCode, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { ConfirmationKeys } from './confirmation-keys.ts'

const one = generateSigningKey('ES256', { kid: 'same' })
const two = generateSigningKey('ES256', { kid: 'same' })
const data = new Uint8Array([1])

describe.each([
  ['synchronous', nodeCrypto],
  ['promise-returning', promisedCrypto(nodeCrypto)],
])('ConfirmationKeys on a %s backend', (_, backend) => {
  it('imports a key once, whatever its name', async () => {
    const { crypto, calls } = countingCrypto(backend)
    const keys = new ConfirmationKeys(crypto)
    const key = await keys.import(one.publicJwk, 'ES256')
    expect(await keys.import({ ...one.publicJwk, kid: 'other' }, 'ES256')).toBe(key)
    expect(calls.imports).toBe(1)
  })

  it('never takes one key for another', async () => {
    const keys = new ConfirmationKeys(backend)
    await keys.import(one.publicJwk, 'ES256')
    const key = await keys.import(two.publicJwk, 'ES256')
    expect(await key.verify(data, two.sign(data))).toBe(true)
    expect(await key.verify(data, one.sign(data))).toBe(false)
  })

  it('keeps one RSA key under two algorithms apart', async () => {
    const rsa = generateSigningKey('RS256')
    const keys = new ConfirmationKeys(backend)
    expect((await keys.import(rsa.publicJwk, 'RS256')).alg).toBe('RS256')
    const pss = await keys.import(rsa.publicJwk, 'PS256')
    expect(pss.alg).toBe('PS256')
    expect(await pss.verify(data, rsa.sign(data))).toBe(false)
  })

  it('does not remember a key that is not valid', async () => {
    const { crypto, calls } = countingCrypto(backend)
    const keys = new ConfirmationKeys(crypto)
    const { x, ...rest } = one.publicJwk
    const invalid = { ...rest, x: x as string, y: x as string }
    await expectCode(() => keys.import(invalid, 'ES256'), 'ERR_KEY_MALFORMED')
    await expectCode(() => keys.import(invalid, 'ES256'), 'ERR_KEY_MALFORMED')
    expect(calls.imports).toBe(2)
  })
})

describe('ConfirmationKeys', () => {
  it('holds a bounded number of keys', async () => {
    let imports = 0
    const cheap: CryptoBackend = {
      ...nodeCrypto,
      importPublicJwk(_, alg) {
        imports++
        return { alg, verify: () => false }
      },
    }
    const keys = new ConfirmationKeys(cheap)
    const jwk = (index: number) => ({ kty: 'OKP', crv: 'Ed25519', x: `key ${index}` }) as const
    for (let index = 0; index < 4096; index++) await keys.import(jwk(index), 'EdDSA')
    await keys.import(jwk(0), 'EdDSA')
    expect(imports).toBe(4096)
    await keys.import(jwk(4096), 'EdDSA')
    await keys.import(jwk(0), 'EdDSA')
    expect(imports).toBe(4098)
  })
})
