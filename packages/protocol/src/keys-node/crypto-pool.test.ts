import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isLater, type SigningKey } from '../keys/crypto-backend.ts'
import { CryptoPool } from './crypto-pool.ts'
import { generateSigningKey } from './signing-key.ts'

const data = new TextEncoder().encode('to be signed')
const key = generateSigningKey('ES256', { kid: 'a' })
const signature = key.sign(data)

describe('CryptoPool', () => {
  it('does at once what is little, and leaves what is more to the pool until that has nothing left', async () => {
    const pool = new CryptoPool({ atOnce: 2 })
    const verifier = await pool.crypto.importPublicJwk(key.publicJwk, 'ES256')
    const signer = pool.signingKey(key)
    const answers = [verifier.verify(data, signature), signer.sign(data), verifier.verify(data, signature)]
    expect(answers.map(isLater)).toEqual([false, false, true])
    await answers[2]
    await setImmediate()
    const next = [verifier.verify(data, signature), verifier.verify(data, signature), signer.sign(data)]
    expect(next.map(isLater)).toEqual([false, false, true])
    expect(next.slice(0, 2)).toEqual([true, true])
    expect(await verifier.verify(data, (await next[2]) as Uint8Array)).toBe(true)
  })

  it('goes on with the pool while it has something, also in later turns', async () => {
    const pool = new CryptoPool({ atOnce: 0 })
    const verifier = await pool.crypto.importPublicJwk(key.publicJwk, 'ES256')
    const many = Array.from({ length: 50 }, () => verifier.verify(data, signature))
    await setImmediate()
    expect(isLater(verifier.verify(data, signature))).toBe(true)
    expect(new Set(await Promise.all(many))).toEqual(new Set([true]))
  })

  it('counts what failed as done', async () => {
    const pool = new CryptoPool({ atOnce: 1 })
    const broken: SigningKey = {
      ...{ alg: key.alg, publicJwk: key.publicJwk, sign: () => signature },
      signInPool: () => Promise.reject(new Error('away')),
    }
    const signer = pool.signingKey(broken)
    expect(isLater(signer.sign(data))).toBe(false)
    await expect(signer.sign(data)).rejects.toThrow('away')
    await setImmediate()
    expect(isLater(signer.sign(data))).toBe(false)
  })

  it('keeps a key as it is that has no pool, and makes one of each of the others', () => {
    const pool = new CryptoPool()
    const own: SigningKey = { alg: key.alg, publicJwk: key.publicJwk, sign: () => signature }
    expect(pool.signingKey(own)).toBe(own)
    expect(pool.signingKey(key)).toBe(pool.signingKey(key))
    expect(pool.signingKey(key).publicJwk).toBe(key.publicJwk)
  })
})
