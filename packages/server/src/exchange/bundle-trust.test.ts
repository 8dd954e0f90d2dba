import { formatSpiffeBundle } from '@countersign/protocol'
import { generateSigningKey, nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { BundleStore, removeBundle } from '../store/bundle-store.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { BundleTrust } from './bundle-trust.ts'

function bundleWith(kid: string) {
  const jwtAuthorities = [generateSigningKey('ES256', { kid }).publicJwk]
  const bundle = { trustDomain: 'a.example', x509Authorities: [], jwtAuthorities, witAuthorities: [] }
  const { keys } = formatSpiffeBundle(bundle, () => ({ kty: 'EC' }) as never)
  return { keys: keys.map((key) => ({ ...key })) }
}

async function start() {
  const { store } = await temporaryStore()
  const bundles = new BundleStore(store)
  await bundles.put('a.example', bundleWith('first'))
  const log = new RecordingLogger()
  const clock = new FakeClock()
  const following = new BundleTrust({ store, bundles, crypto: nodeCrypto, clock, log })
  await following.start()
  onTestFinished(() => following.stop())
  const kids = () => following.trust.get('spiffe://a.example')?.jwtKeys.jwks.map(({ kid }) => kid)
  return { store, bundles, following, clock, log, kids }
}

describe('BundleTrust', () => {
  it('trusts what is stored, what replaces it, and no longer what is removed', async () => {
    const { store, bundles, kids } = await start()
    expect(kids()).toEqual(['first'])
    await bundles.put('a.example', bundleWith('second'))
    await vi.waitFor(() => expect(kids()).toEqual(['second']))
    await store.change((change) => removeBundle(change, 'a.example'))
    await vi.waitFor(() => expect(kids()).toBe(undefined))
  })

  it('keeps the very same trust over changes of another domain', async () => {
    const { bundles, following } = await start()
    const before = following.trust.get('spiffe://a.example')
    await bundles.put('b.example', bundleWith('other'))
    const others = () => following.trust.get('spiffe://b.example')?.jwtKeys.jwks.map(({ kid }) => kid)
    await vi.waitFor(() => expect(others()).toEqual(['other']))
    expect(following.trust.get('spiffe://a.example')).toBe(before)
  })

  it('trusts nothing of a domain whose bundle cannot be used', async () => {
    const { bundles, kids, log } = await start()
    await bundles.put('a.example', { keys: 'none' } as never)
    await vi.waitFor(() => expect(kids()).toBe(undefined))
    expect(log.text).toContain('bundle cannot be used')
  })

  it('trusts nothing when the store cannot be read, and again as soon as it can', async () => {
    const { bundles, clock, kids, log } = await start()
    const list = bundles.list.bind(bundles)
    bundles.list = () => Promise.reject(new Error('told to fail'))
    await bundles.put('b.example', bundleWith('other'))
    await vi.waitFor(() => expect(kids()).toBe(undefined))
    expect(log.text).toContain('bundles cannot be read')
    await clock.advance(5)
    expect(kids()).toBe(undefined)
    bundles.list = list
    await clock.advance(5)
    await vi.waitFor(() => expect(kids()).toEqual(['first']))
  })
})
