import { decodeBase64, type SpiffeBundle } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { EntryIndex } from '../issuance/entry-index.ts'
import { ServerCallError } from '../server-client/server-call-error.ts'
import { entry } from '../test-support/fake-server.ts'
import { RecordingLogger } from '../test-support/recording-logger.ts'
import { TestAuthority } from '../test-support/test-authority.ts'
import type { Caller } from '../workload-api/caller.ts'
import type { ServiceContext } from '../workload-api/service-context.ts'
import { spiffeValidationContext } from './secret-resource.ts'
import { SecretSource } from './secret-source.ts'

const NAMES = { defaultSvidName: 'default', defaultBundleName: 'ROOTCA', defaultAllBundlesName: 'ALL' }
const RENEW_AT = 1_900_000_000

type Entry = ReturnType<typeof entry>

async function start(entries: readonly Entry[]) {
  const clock = new FakeClock()
  const authority = await TestAuthority.create('example.org', () => clock.now())
  const refused = new Set<string>()
  const issued: string[] = []
  const bundles = new Map<string, SpiffeBundle>()
  const setRoots = (trustDomain: string, ...x509Authorities: Uint8Array[]) =>
    void bundles.set(trustDomain, { trustDomain, x509Authorities } as unknown as SpiffeBundle)
  setRoots('example.org', authority.certificate)
  const issuer = {
    async x509Svid({ id, spiffeId }: Entry) {
      if (refused.has(id)) throw new ServerCallError('ERR_AGENT_SERVER_REFUSED_REQUEST', 'server refused the request')
      issued.push(id)
      const key = generateSigningKey('ES256')
      const { chain, expiresAt } = await authority.x509(spiffeId, key.publicJwk, 3600)
      return { credential: { spiffeId, chain: chain.map(decodeBase64), key, expiresAt }, renewAt: RENEW_AT }
    },
  }
  const context = {
    issuer,
    clock,
    trustDomain: 'example.org',
    maxIdentities: 2000,
    log: new RecordingLogger(),
  } as unknown as ServiceContext
  const source = new SecretSource(context, NAMES)
  const caller = { entries, view: { bundles, entries: new EntryIndex(entries) } } as unknown as Caller
  const read = (...names: string[]) =>
    source.read(caller, { names: new Set(names), wildcard: names.length === 0 }, false)
  return { read, clock, authority, refused, issued, bundles, setRoots }
}

const many = (count: number) => Array.from({ length: count }, (_, index) => entry(`e${index}`, `/w/${index}`))

describe('SecretSource', () => {
  it('refuses the wildcard to a program of more than 1000 identities, and nothing else', async () => {
    const { read, issued } = await start(many(1001))
    await expect(read()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    const { resources } = await read('ROOTCA', 'spiffe://example.org/w/1000')
    expect([...resources.keys()]).toEqual(['spiffe://example.org/w/1000', 'ROOTCA'])
    expect(issued).toEqual(['e1000'])
  })

  it('issues once for an identity that is asked for by two names, and the oldest entry of an identity', async () => {
    const { read, issued } = await start([entry('a', '/web'), entry('b', '/web')])
    const { resources } = await read('default', 'spiffe://example.org/web')
    expect([...resources.keys()]).toEqual(['default', 'spiffe://example.org/web'])
    expect(issued).toEqual(['a'])
  })

  it('leaves out a federated trust domain without roots: Envoy would refuse them all', async () => {
    const { read, authority, bundles, setRoots } = await start([
      entry('a', '/web', { federatesWith: ['other.example'] }),
    ])
    setRoots('other.example')
    const { resources } = await read('ALL', 'spiffe://other.example')
    const own = bundles.get('example.org') as SpiffeBundle
    expect([...resources.keys()]).toEqual(['ALL'])
    expect(resources.get('ALL')?.version).toBe(spiffeValidationContext('ALL', [own]).version)
    setRoots('other.example', authority.certificate)
    expect([...(await read('ALL', 'spiffe://other.example')).resources.keys()]).toHaveLength(2)
  })

  it.each([['no bundle of'], ['no roots of']])(
    'has nothing for now when there is %s the own trust domain',
    async (what) => {
      const { read, bundles, setRoots } = await start([entry('a', '/web')])
      if (what === 'no roots of') setRoots('example.org')
      else bundles.delete('example.org')
      await expect(read('default')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    },
  )

  it('is fresh until a certificate is to be renewed, or any entry of the program ends', async () => {
    const { clock, ...first } = await start([entry('a', '/web')])
    expect(await first.read('default')).toMatchObject({ freshUntil: RENEW_AT })
    expect(await first.read('ROOTCA')).toMatchObject({ freshUntil: Number.POSITIVE_INFINITY })
    const ends = clock.now() + 50
    const second = await start([entry('a', '/web'), entry('b', '/two', { expiresAt: ends })])
    expect(await second.read('ROOTCA')).toMatchObject({ freshUntil: ends })
  })

  it('looks again in a minute for what the server refuses beside others', async () => {
    const { read, refused, clock } = await start([entry('a', '/web'), entry('b', '/two')])
    refused.add('b')
    const { resources, freshUntil } = await read('default', 'spiffe://example.org/two')
    expect([...resources.keys()]).toEqual(['default'])
    expect(freshUntil).toBe(clock.now() + 60)
  })
})
