import { createPrivateKey, X509Certificate } from 'node:crypto'
import { encodePem } from '@countersign/protocol'
import { settle } from '@countersign/testing'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { entry, type FakeServer } from '../test-support/fake-server.ts'
import { eventually, startReadyWorld, type World } from '../test-support/running-agent.ts'
import { connectSds, secretsIn } from '../test-support/sds-client.ts'
import { TestAuthority } from '../test-support/test-authority.ts'

const WEB = 'spiffe://example.org/web'
const OWN = 'spiffe://example.org'
const OTHER = 'spiffe://other.example'
const SETTINGS = {
  defaultSvidName: 'default',
  defaultBundleName: 'ROOTCA',
  defaultAllBundlesName: 'ALL',
  disableSpiffeCertValidation: false,
}
const web = entry('e1', '/web', { createdAt: 10, federatesWith: ['other.example'] })
const two = entry('e2', '/two', { createdAt: 20 })

interface Federated {
  readonly world: World
  readonly sds: ReturnType<typeof connectSds>
  readonly other: TestAuthority
}

/** A program with identities, and another trust domain that the first of them federates with. */
async function startFederated(sds: Partial<typeof SETTINGS> = {}, ...entries: (typeof web)[]): Promise<Federated> {
  let other: TestAuthority | undefined
  const prepare = async (server: FakeServer) => {
    other = await TestAuthority.create('other.example', () => server.clock.now(), 'other')
    const unasked = await TestAuthority.create('unasked.example', () => server.clock.now(), 'unasked')
    server.set({ entries: entries.length > 0 ? entries : [web, two], federated: [other.bundle(), unasked.bundle()] })
  }
  const world = await startReadyWorld({ prepare, config: { sds: { ...SETTINGS, ...sds } } })
  return { world, sds: connectSds(world.config.socket), other: other! }
}

const pem = ({ certificate }: TestAuthority) => encodePem([certificate])
const uriOf = (chain = '') => new X509Certificate(chain).subjectAltName
const serialOf = (chain = '') => new X509Certificate(chain).serialNumber

describe('the names of secrets', () => {
  it('stand for the oldest identity, one by its ID, the own roots, those of one domain, and all of them', async () => {
    const { world, sds, other } = await startFederated()
    const resourceNames = ['default', 'spiffe://example.org/two', 'ROOTCA', OWN, OTHER, 'ALL']
    const secrets = secretsIn(await sds.fetch({ resourceNames }))
    expect(Object.keys(secrets).sort()).toEqual([...resourceNames].sort())
    expect(uriOf(secrets['default']?.chain)).toBe(`URI:${WEB}`)
    expect(uriOf(secrets['spiffe://example.org/two']?.chain)).toBe('URI:spiffe://example.org/two')
    const own = { 'example.org': pem(world.server.authority) }
    expect(secrets['ROOTCA']).toEqual({ rootsOf: own })
    expect(secrets[OWN]).toEqual({ rootsOf: own })
    expect(secrets[OTHER]).toEqual({ rootsOf: { 'other.example': pem(other) } })
    expect(secrets['ALL']).toEqual({ rootsOf: { ...own, 'other.example': pem(other) } })
    const { chain = '', key = '' } = secrets['default'] ?? {}
    expect(new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))).toBe(true)
  })

  it('stand for nothing of other programs, nor of domains that were not asked for', async () => {
    const stranger = entry('e9', '/stranger', { selectors: [{ type: 'test', value: 'other' }] })
    const { sds } = await startFederated({}, web, stranger)
    const resourceNames = ['default', 'spiffe://example.org/stranger', 'spiffe://unasked.example']
    expect(Object.keys(secretsIn(await sds.fetch({ resourceNames })))).toEqual(['default'])
    await expect(sds.fetch({ resourceNames: resourceNames.slice(1) })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'no such secret',
    })
  })

  it('are not needed to get everything, each under its own ID', async () => {
    const { sds } = await startFederated()
    const names = Object.keys(secretsIn(await sds.fetch({})))
    expect(names.sort()).toEqual([OWN, 'spiffe://example.org/two', WEB, OTHER].sort())
  })

  it('can be others', async () => {
    const { sds } = await startFederated({ defaultSvidName: 'mine', defaultBundleName: 'roots' })
    const secrets = secretsIn(await sds.fetch({ resourceNames: ['mine', 'roots', 'default', 'ROOTCA'] }))
    expect(Object.keys(secrets).sort()).toEqual(['mine', 'roots'])
  })

  it('give roots without the SPIFFE validator where it is turned off, but never those of several domains', async () => {
    const { world, sds, other } = await startFederated({ disableSpiffeCertValidation: true })
    const resourceNames = ['ROOTCA', OTHER, 'ALL']
    const secrets = secretsIn(await sds.fetch({ resourceNames }))
    expect(secrets['ROOTCA']).toEqual({ roots: pem(world.server.authority) })
    expect(secrets[OTHER]).toEqual({ roots: pem(other) })
    expect(Object.keys(secrets['ALL']?.rootsOf ?? {})).toEqual(['example.org', 'other.example'])
    const node = { metadata: { disable_spiffe_cert_validation: false } }
    expect(secretsIn(await sds.fetch({ resourceNames, node }))['ROOTCA']).toHaveProperty('rootsOf')
  })

  it('are not issued for when nobody asks for them', async () => {
    const { world, sds } = await startFederated()
    await sds.fetch({ resourceNames: ['ROOTCA', 'default'] })
    expect(world.server.count('POST /v1/agent/x509-svids')).toBe(1)
  })
})

describe('StreamSecrets', () => {
  it('sends a renewed certificate, with a new key, before the old one expires', async () => {
    const { world, sds } = await startFederated({}, entry('e1', '/web', { x509SvidTtl: 1000 }))
    const stream = sds.world()
    stream.send({ resourceNames: ['default'] })
    await eventually(() => stream.received.length === 1)
    stream.send({ resourceNames: ['default'], responseNonce: stream.received[0]!.nonce })
    await settle()
    await world.clock.advance(501)
    await eventually(() => stream.received.length === 2)
    const [before, after] = stream.received.map((response) => secretsIn(response)['default'])
    expect(serialOf(after?.chain)).not.toBe(serialOf(before?.chain))
    expect(after?.key).not.toBe(before?.key)
  })

  it('sends what a new name stands for, and the same names again without an answer', async () => {
    const { sds } = await startFederated()
    const stream = sds.world()
    stream.send({ resourceNames: ['ROOTCA'] })
    await eventually(() => stream.received.length === 1)
    const responseNonce = stream.received[0]!.nonce
    stream.send({ resourceNames: ['ROOTCA'], responseNonce })
    stream.send({ resourceNames: ['ALL'], responseNonce: 'stale' })
    stream.send({ resourceNames: ['ROOTCA', 'default'], responseNonce })
    await eventually(() => stream.received.length === 2)
    expect(stream.received.map((each) => Object.keys(secretsIn(each)))).toEqual([['ROOTCA'], ['default', 'ROOTCA']])
  })

  it('sends new roots of the own domain when its authority changes', async () => {
    const { world, sds } = await startFederated()
    const stream = sds.world()
    stream.send({ resourceNames: ['ROOTCA'] })
    await eventually(() => stream.received.length === 1)
    const { authority } = world.server
    const successor = await TestAuthority.create('example.org', () => world.clock.now(), 'successor')
    const { trustDomain, bundle } = authority.bundle()
    const [added] = successor.bundle().bundle.keys.filter(({ use }) => use === 'x509-svid')
    const next = { ...bundle, keys: [...bundle.keys, added!], spiffe_sequence: 2 }
    world.server.change(() => Object.assign(authority, { bundle: () => ({ trustDomain, bundle: next }) }))
    await eventually(() => stream.received.length === 2)
    const roots = encodePem([authority.certificate, successor.certificate])
    expect(secretsIn(stream.received[1]!)['ROOTCA']).toEqual({ rootsOf: { 'example.org': roots } })
  })

  it('waits for an identity that does not exist yet', async () => {
    const { world, sds } = await startFederated({}, web)
    const stream = sds.world()
    stream.send({ resourceNames: ['spiffe://example.org/two'] })
    await settle()
    world.server.change(() => world.server.set({ entries: [web, two] }))
    await eventually(() => stream.received.length === 1)
    expect(Object.keys(secretsIn(stream.received[0]!))).toEqual(['spiffe://example.org/two'])
  })
})

describe('DeltaSecrets', () => {
  it('sends only what is renewed, and says what is gone', async () => {
    const { world, sds } = await startFederated({}, entry('e1', '/web', { createdAt: 10, x509SvidTtl: 1000 }), two)
    const stream = sds.delta()
    stream.send({ resourceNamesSubscribe: ['default', 'ROOTCA', 'spiffe://example.org/two', 'unknown'] })
    await eventually(() => stream.received.length === 1)
    expect(stream.received[0]).toMatchObject({ removedResources: ['unknown'] })
    await settle()
    await world.clock.advance(501)
    await eventually(() => stream.received.length === 2)
    expect(Object.keys(secretsIn(stream.received[1]!))).toEqual(['default'])
    world.server.change(() => world.server.set({ entries: [web] }))
    await eventually(() => stream.received.length === 3)
    expect(stream.received[2]).toMatchObject({ removedResources: ['spiffe://example.org/two'] })
  })

  it('goes on in another stream where an earlier one ended', async () => {
    const { sds } = await startFederated()
    const first = sds.delta()
    first.send({ resourceNamesSubscribe: ['default', 'ROOTCA'] })
    await eventually(() => first.received.length === 1)
    const versions = first.received[0]!.resources.map(({ name, version }) => [name, version])
    first.call.cancel()
    const second = sds.delta()
    second.send({
      resourceNamesSubscribe: ['default', 'ROOTCA', 'ALL'],
      initialResourceVersions: Object.fromEntries(versions),
    })
    await eventually(() => second.received.length === 1)
    expect(Object.keys(secretsIn(second.received[0]!))).toEqual(['ALL'])
  })
})

describe('a program that matches no entry', () => {
  const almost = entry('e9', '/almost', { selectors: [...web.selectors, { type: 'test', value: 'uid:1' }] })

  it('is refused by every call and explained to the operator, not to the program', async () => {
    const { world, sds } = await startFederated({}, almost)
    const denied = { code: status.PERMISSION_DENIED, details: 'no identity issued' }
    const [states, changes] = [sds.world(), sds.delta()]
    states.send({ resourceNames: ['ROOTCA'] })
    changes.send({ resourceNamesSubscribe: ['ROOTCA'] })
    await expect(sds.fetch({ resourceNames: ['ROOTCA'] })).rejects.toMatchObject(denied)
    await eventually(() => states.failure !== undefined && changes.failure !== undefined)
    expect([states.failure, changes.failure]).toMatchObject([denied, denied])
    expect(world.log.with('no identity issued')[0]?.fields).toMatchObject({ nearest: [{ entryId: 'e9' }] })
  })

  it('is refused from the moment its last entry is withdrawn', async () => {
    const { world, sds } = await startFederated({}, web)
    const stream = sds.world()
    stream.send({ resourceNames: ['default'] })
    await eventually(() => stream.received.length === 1)
    world.server.change(() => world.server.set({ entries: [] }))
    await eventually(() => stream.failure !== undefined)
    expect(stream.failure).toMatchObject({ code: status.PERMISSION_DENIED })
  })
})

describe('an identity that cannot be had now', () => {
  it('ends the stream as something that passes when the server fails, and an expired one is never sent', async () => {
    const { world, sds } = await startFederated({}, entry('e1', '/web', { x509SvidTtl: 100 }))
    const stream = sds.world()
    stream.send({ resourceNames: ['default'] })
    await eventually(() => stream.received.length === 1)
    world.server.set({ failing: true })
    await settle()
    for (let second = 0; second < 110 && stream.failure === undefined; second++) await world.clock.advance(1)
    await eventually(() => stream.failure !== undefined)
    expect(stream.failure).toMatchObject({ code: status.UNAVAILABLE, details: 'identity is not available now' })
    expect(stream.received).toHaveLength(1)
    await expect(sds.fetch({ resourceNames: ['default'] })).rejects.toMatchObject({ code: status.UNAVAILABLE })
  })

  it('is not taken for withdrawn when it is the only one, and the server refuses it', async () => {
    const { world, sds } = await startFederated()
    world.server.set({ entries: [] })
    const stream = sds.delta()
    stream.send({ resourceNamesSubscribe: ['default'] })
    await eventually(() => stream.failure !== undefined)
    expect(stream.failure).toMatchObject({ code: status.UNAVAILABLE })
    expect(stream.received).toEqual([])
  })

  it('is left out when the server refuses it beside others, and looked for again', async () => {
    const { world, sds } = await startFederated()
    world.server.set({ entries: [web] })
    const stream = sds.delta()
    stream.send({ resourceNamesSubscribe: ['spiffe://example.org/two', 'default'] })
    await eventually(() => stream.received.length === 1)
    expect(stream.received[0]).toMatchObject({ removedResources: ['spiffe://example.org/two'] })
    world.server.set({ entries: [web, two] })
    await settle()
    await world.clock.advance(61)
    await eventually(() => stream.received.length === 2)
    expect(Object.keys(secretsIn(stream.received[1]!))).toEqual(['spiffe://example.org/two'])
  })
})
