import { WorkloadId } from '@countersign/protocol'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { Caller } from '../verification/caller.ts'
import { allowAnyOf, allowTrustDomain, allowWorkload, type Policy } from './policy.ts'

const REQUEST = { method: 'GET', target: '/' }

const ask = (policy: Policy, id: string) => policy({ id: WorkloadId.parse(id) } as Caller, REQUEST)

describe('allowWorkload', () => {
  const policy = allowWorkload('spiffe://shop.example/storefront', WorkloadId.parse('wimse://shop.example/batch'))

  it.each(['spiffe://shop.example/storefront', 'wimse://shop.example/batch'])('allows %s', (id) => {
    expect(ask(policy, id)).toBe(true)
  })

  it.each([
    ['a longer path', 'spiffe://shop.example/storefront-evil'],
    ['a path below', 'spiffe://shop.example/storefront/evil'],
    ['another path', 'spiffe://shop.example/orders'],
    ['another trust domain', 'spiffe://evil.example/storefront'],
    ['another scheme', 'wimse://shop.example/storefront'],
    ['another case', 'spiffe://shop.example/Storefront'],
  ])('denies %s', (_name, id) => {
    expect(ask(policy, id)).toBe(false)
  })

  it('denies everybody when it names nobody', () => {
    expect(ask(allowWorkload(), 'spiffe://shop.example/storefront')).toBe(false)
  })

  it('refuses at once what is no identifier', async () => {
    await expectCode(() => allowWorkload('storefront'), 'ERR_IDENTIFIER_NOT_ABSOLUTE')
  })
})

describe('allowTrustDomain', () => {
  const policy = allowTrustDomain('shop.example', 'bank.example')

  it.each(['spiffe://shop.example/storefront', 'spiffe://bank.example/ledger'])('allows %s', (id) => {
    expect(ask(policy, id)).toBe(true)
  })

  it.each([
    ['a domain below', 'spiffe://evil.shop.example/storefront'],
    ['a domain that begins so', 'spiffe://shop.example.evil/storefront'],
    ['another scheme', 'wimse://shop.example/storefront'],
  ])('denies %s', (_name, id) => {
    expect(ask(policy, id)).toBe(false)
  })

  it('refuses at once what is no trust domain', async () => {
    await expectCode(() => allowTrustDomain('spiffe://shop.example'), 'ERR_IDENTIFIER_TRUST_DOMAIN')
  })
})

describe('allowAnyOf', () => {
  const storefront = 'spiffe://shop.example/storefront'
  const answering = (answer: unknown) => (() => answer) as unknown as Policy

  it('allows what one of them allows, now or later', async () => {
    expect(await ask(allowAnyOf(answering(false), answering(true)), storefront)).toBe(true)
    expect(await ask(allowAnyOf(answering(Promise.resolve(true)), answering(false)), storefront)).toBe(true)
  })

  it.each([[[]], [[false, false]], [['yes', 1, {}]], [[undefined]], [[Promise.resolve('yes')]]])(
    'denies for the answers %j',
    async (answers) => {
      expect(await ask(allowAnyOf(...answers.map(answering)), storefront)).toBe(false)
    },
  )

  it('passes on what a policy throws', async () => {
    const failing: Policy = () => {
      throw new TypeError('broken')
    }
    await expect(ask(allowAnyOf(failing, answering(true)), storefront)).rejects.toThrow(TypeError)
  })

  it('shows each policy the request', async () => {
    const byMethod: Policy = (_caller, { method, target }) => method === 'GET' && target === '/'
    expect(await ask(allowAnyOf(byMethod), storefront)).toBe(true)
  })
})
