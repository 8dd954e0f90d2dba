import { describe, expect, it } from 'vitest'
import type { VerificationKey } from '../keys/crypto-backend.ts'
import { type Confirmation, ConfirmationMemo } from './confirmation-memo.ts'

const key: VerificationKey = { alg: 'ES256', verify: () => true }
const confirmation = (): Confirmation => ({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256' }, key })
const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256' }

describe('ConfirmationMemo', () => {
  it('knows a key that says the same, and not only the same object', () => {
    const memo = new ConfirmationMemo()
    const remembered = confirmation()
    memo.remember(jwk, remembered)
    expect(memo.get({ ...jwk })).toBe(remembered)
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['another coordinate', { ...jwk, y: 'z' }],
    ['another algorithm', { ...jwk, alg: 'ES384' }],
    ['another type', { ...jwk, kty: 'OKP' }],
    ['a private member', { ...jwk, d: 'd' }],
    ['a further use', { ...jwk, use: 'enc' }],
    ['operations', { ...jwk, key_ops: ['sign'] }],
    ['a member less', { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }],
    ['one member for another', { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'ES256' }],
    ['another order', { alg: 'ES256', kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }],
    ['a value of another type', { ...jwk, y: ['y'] }],
    ['its first coordinate under another name', { kty: 'EC', crv: 'P-256', n: 'x', y: 'y', alg: 'ES256' }],
    ['nothing at all', {}],
  ])('does not know a key with %s', (_, other) => {
    const memo = new ConfirmationMemo()
    memo.remember(jwk, confirmation())
    expect(memo.get(other)).toBeUndefined()
  })

  it('keeps what was said when it was told, whatever becomes of the object', () => {
    const memo = new ConfirmationMemo()
    const claims = { ...jwk }
    const remembered = confirmation()
    memo.remember(claims, remembered)
    claims.y = 'z'
    expect(memo.get(claims)).toBeUndefined()
    expect(memo.get(jwk)).toBe(remembered)
  })

  it('hands out what nobody can change', () => {
    const memo = new ConfirmationMemo()
    memo.remember(jwk, confirmation())
    expect(() => Object.assign(memo.get(jwk) ?? {}, { key: undefined })).toThrow(TypeError)
    expect(() => Object.assign(memo.get(jwk)?.jwk ?? {}, { alg: 'none' })).toThrow(TypeError)
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['members that are not text', { ...jwk, key_ops: ['verify'] }],
    ['more text than any key needs', { ...jwk, note: 'a'.repeat(4096) }],
  ])('does not remember a key with %s', (_, odd) => {
    const memo = new ConfirmationMemo()
    memo.remember(odd, confirmation())
    expect(memo.get(odd)).toBeUndefined()
  })

  it('holds a bounded number', () => {
    const memo = new ConfirmationMemo()
    const numbered = (index: number) => ({ ...jwk, x: `x${index}` })
    for (let index = 0; index < 4096; index++) memo.remember(numbered(index), confirmation())
    expect(memo.get(numbered(0))).toBeDefined()
    memo.remember(numbered(4096), confirmation())
    expect(memo.get(numbered(0))).toBeUndefined()
    expect(memo.get(numbered(4096))).toBeDefined()
  })
})
