import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/index.ts'
import { DpopNonces } from './dpop-nonces.ts'

const NOW = 1_800_000_000
const nonces = () => new DpopNonces(nodeCrypto)

describe('DpopNonces', () => {
  it('knows a nonce in its own window and the next, and no longer', () => {
    const own = nonces()
    const nonce = own.current(NOW)
    expect(own.current(NOW + 119)).toBe(nonce)
    expect(own.current(NOW + 120)).not.toBe(nonce)
    expect([0, 119, 120, 239, 240].map((age) => own.accepts(nonce, NOW + age))).toEqual([true, true, true, true, false])
  })

  it('takes no nonce before its window', () => {
    const own = nonces()
    const later = own.current(NOW + 120)
    expect(own.accepts(later, NOW)).toBe(false)
  })

  it.each<[string, (nonce: string) => string]>([
    ['of another server', () => nonces().current(NOW)],
    ['that was changed', (nonce) => `${nonce.slice(0, -1)}${nonce.endsWith('A') ? 'B' : 'A'}`],
    ['that was cut short', (nonce) => nonce.slice(0, -1)],
    ['that is empty', () => ''],
  ])('takes none %s', (_, make) => {
    const own = nonces()
    expect(own.accepts(make(own.current(NOW)), NOW)).toBe(false)
  })
})
