import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Seal } from './seal.ts'

const context = { purpose: 'test', owner: 'spiffe://example.org/countersign/agent/one' }
const secret = Buffer.from('a private key in the clear')

describe('Seal', () => {
  it('gives back what it sealed, which nobody can read and which never looks the same', () => {
    const seal = new Seal(randomBytes(32))
    const [first, second] = [Buffer.from(seal.seal(secret, context)), Buffer.from(seal.seal(secret, context))]
    expect(seal.unseal(first, context)).toEqual(secret)
    expect(first.includes(secret)).toBe(false)
    // The magic number alone is the same.
    expect(first.subarray(0, 8)).toEqual(second.subarray(0, 8))
    expect(first.subarray(8, 40)).not.toEqual(second.subarray(8, 40))
    expect(first.subarray(40)).not.toEqual(second.subarray(40))
    expect(seal.unseal(seal.seal(new Uint8Array(), context), context)).toEqual(Buffer.alloc(0))
  })

  it('opens nothing with another key, for another purpose or for another owner', () => {
    const key = randomBytes(32)
    const sealed = new Seal(key).seal(secret, context)
    expect(new Seal(randomBytes(32)).unseal(sealed, context)).toBeUndefined()
    expect(new Seal(key).unseal(sealed, { ...context, purpose: 'tes' })).toBeUndefined()
    expect(new Seal(key).unseal(sealed, { ...context, owner: `${context.owner}/two` })).toBeUndefined()
    expect(new Seal(key).unseal(sealed, { purpose: context.owner, owner: context.purpose })).toBeUndefined()
    expect(new Seal(key).unseal(sealed, context)).toEqual(secret)
  })

  it('opens nothing of which an octet was changed, or that is cut short', () => {
    const seal = new Seal(randomBytes(32))
    const sealed = seal.seal(secret, context)
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed)
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(seal.unseal(changed, context), `octet ${index}`).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(seal.unseal(sealed.subarray(0, length), context), `${length} octets`).toBeUndefined()
    }
    expect(seal.unseal(Buffer.concat([sealed, Buffer.alloc(1)]), context)).toBeUndefined()
  })
})
