import { PolicyError } from '@countersign/protocol'
import { describe, expect, it } from 'vitest'
import { expectCode } from './expect-code.ts'

const refusal = new PolicyError('ERR_POLICY_DENIED', 'not allowed', { detail: 'rule 7' })
const refuse = () => {
  throw refusal
}

describe('expectCode', () => {
  it('returns what a function threw', async () => {
    expect(await expectCode(refuse, 'ERR_POLICY_DENIED')).toBe(refusal)
  })

  it('returns what a promise was rejected with', async () => {
    expect(await expectCode(Promise.reject(refusal), 'ERR_POLICY_DENIED')).toBe(refusal)
    expect(await expectCode(async () => refuse(), 'ERR_POLICY_DENIED')).toBe(refusal)
  })

  it('fails when nothing is refused', async () => {
    await expect(expectCode(() => 'fine', 'ERR_POLICY_DENIED')).rejects.toThrow('nothing was refused')
  })

  it('fails for another code', async () => {
    await expect(expectCode(refuse, 'ERR_POLICY_OTHER')).rejects.toThrow(
      'expected ERR_POLICY_OTHER, got ERR_POLICY_DENIED',
    )
  })

  it('fails for a foreign error, even one with the right code', async () => {
    const foreign = Object.assign(new Error('nope'), { code: 'ERR_POLICY_DENIED' })
    await expect(expectCode(Promise.reject(foreign), 'ERR_POLICY_DENIED')).rejects.toThrow('foreign error')
  })
})
