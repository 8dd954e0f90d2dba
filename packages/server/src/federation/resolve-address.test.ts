import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AddressPolicy } from './address-policy.ts'
import { type ResolveHost, resolveAllowed } from './resolve-address.ts'

const never = new AbortController().signal
const policy = new AddressPolicy([])
const answering =
  (...addresses: string[]): ResolveHost =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

describe('resolveAllowed', () => {
  it('gives all addresses of a name', async () => {
    expect(await resolveAllowed('a.example', policy, answering('1.1.1.1', '2606:4700::1'), never)).toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ])
  })

  it('asks nobody about an address', async () => {
    const resolve: ResolveHost = () => Promise.reject(new Error('asked'))
    expect(await resolveAllowed('1.1.1.1', policy, resolve, never)).toEqual([{ address: '1.1.1.1', family: 4 }])
    await expectCode(resolveAllowed('10.0.0.1', policy, resolve, never), 'ERR_FEDERATION_ADDRESS')
  })

  it.each([
    ['the first', ['10.0.0.1', '1.1.1.1']],
    ['the last', ['1.1.1.1', '2606:4700::1', 'fd00::1']],
  ])('refuses a name with %s address not allowed, and tells the operator which', async (_, addresses) => {
    const error = await expectCode(
      resolveAllowed('a.example', policy, answering(...addresses), never),
      'ERR_FEDERATION_ADDRESS',
    )
    expect(error.detail).toBe(addresses.find((address) => !policy.allows(address)))
    expect(error.message).not.toContain(error.detail)
  })

  it('fails for a name without address', async () => {
    await expect(resolveAllowed('a.example', policy, answering(), never)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('does not wait for a name server longer than told to', async () => {
    const stop = new AbortController()
    const resolving = resolveAllowed('a.example', policy, () => new Promise(() => {}), stop.signal)
    stop.abort(new Error('late'))
    await expect(resolving).rejects.toThrow('late')
    await expect(resolveAllowed('a.example', policy, answering('1.1.1.1'), stop.signal)).rejects.toThrow('late')
  })
})
