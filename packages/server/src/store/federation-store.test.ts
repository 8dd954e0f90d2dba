import { expectCode } from '@countersign/testing'
import { expect, it } from 'vitest'
import { temporaryStore } from '../test-support/temporary-store.ts'
import { BundleStore } from './bundle-store.ts'
import { FederationStore } from './federation-store.ts'

const never = new AbortController().signal
const web = { bundleEndpointUrl: 'https://a.example/bundle', profile: 'https_web' } as const
const spiffe = { ...web, profile: 'https_spiffe', endpointSpiffeId: 'spiffe://a.example/a' } as const

it.each([
  ['URL', web, { ...web, bundleEndpointUrl: 'https://b.example/bundle' }],
  ['profile', web, spiffe],
  ['endpoint identifier', spiffe, { ...spiffe, endpointSpiffeId: 'spiffe://a.example/b' }],
  ['roots', web, { ...web, webRoots: 'PEM' }],
])('takes no bundle that was fetched under another %s', async (_, before, after) => {
  const { store } = await temporaryStore()
  const federations = new FederationStore(store)
  const attempted = await federations.create('a.example', before)
  const current = await federations.update('a.example', after)
  const bundle = { keys: [], spiffe_sequence: 1 }
  await expectCode(federations.recordFetched(attempted, bundle, never), 'ERR_FEDERATION_NOT_FOUND')
  expect(await new BundleStore(store).get('a.example')).toBe(undefined)
  expect(await federations.recordFetched(current, bundle, never)).toBe(true)
})
