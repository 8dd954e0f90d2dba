import { decodeBase64, parseCrl, verifyCrl, X509Anchors } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { expect, it } from 'vitest'
import { CertificateStore } from '../store/certificate-store.ts'
import { CrlStore, selectCrls } from '../store/crl-store.ts'
import { NodeStore } from '../store/node-store.ts'
import { openTestAuthorities, trustDomain } from '../test-support/test-authorities.ts'
import { AuthorityFactory } from './authority-factory.ts'
import { CRL_VALIDITY_SECONDS, CrlPublisher } from './crl-publisher.ts'

const ONE = 'spiffe://example.org/countersign/agent/one'
const TWO = 'spiffe://example.org/countersign/agent/two'

async function openWorld() {
  const test = await openTestAuthorities()
  const { store, clock, keyManager, log, authorities, gate } = test
  const factory = new AuthorityFactory({
    ...{ keyManager, crypto: nodeCrypto, clock, trustDomain, jwtAlgorithm: 'ES256', gate },
    lifetimeSeconds: { x509: 1, jwt: 1, wit: 1, oauth: 1 },
  })
  const crls = new CrlPublisher({ store: new CrlStore(store), factory, clock, log, gate })
  const nodes = new NodeStore(store)
  const certificates = new CertificateStore(store)
  const { authority } = await authorities.active('x509')
  const certificate = (serial: string, seconds = 100) => ({
    ...{ serial, authorityId: authority.id, expiresAt: clock.now() + seconds },
  })
  const attest = (agentId: string, serial: string) =>
    nodes.recordAttested({ agentId, attestor: 'test', selectors: [], ...certificate(serial) })
  await attest(ONE, '0a01')
  await attest(TWO, '0b01')
  const published = async () => (await store.read(selectCrls)).map(decodeBase64)
  const listed = async () => {
    const lists = (await published()).map(parseCrl)
    return lists.flatMap(({ revoked }) => revoked.map((serial) => Buffer.from(serial).toString('hex'))).sort()
  }
  return { ...test, crls, nodes, certificates, certificate, attest, authority, published, listed }
}

it('says of each X.509 authority, signed by it, that nothing is revoked', async () => {
  const { crls, lifeCycle, authorities, published, clock } = await openWorld()
  await lifeCycle.prepare('x509')
  await crls.publishDue()
  const lists = await published()
  expect(lists).toHaveLength(2)
  const roots = authorities.list().flatMap(({ certificate }) => certificate ?? [])
  const anchors = new X509Anchors(roots, nodeCrypto)
  const signers = await Promise.all(lists.map(async (der) => (await verifyCrl(der, anchors)).signer))
  expect(new Set(signers).size).toBe(2)
  for (const { revoked, thisUpdate, nextUpdate } of lists.map(parseCrl)) {
    expect(revoked).toEqual([])
    expect(nextUpdate - thisUpdate).toBe(CRL_VALIDITY_SECONDS)
    expect(thisUpdate).toBeLessThan(clock.now())
  }
})

it.each(['ban', 'evict'] as const)(
  'lists all unexpired certificates of a node after %s, and no others',
  async (verb) => {
    const { crls, nodes, certificates, certificate, clock, listed } = await openWorld()
    await certificates.record(ONE, [certificate('0a02'), certificate('0a03', 5)])
    await certificates.record(TWO, [certificate('0b02')])
    await clock.advance(6)
    await nodes.recordRenewed(ONE, '0a01', certificate('0a04'))
    await nodes[verb](ONE)
    await crls.publishDue()
    expect(await listed()).toEqual(['0a01', '0a02', '0a04'])
    // Whatever becomes of the node.
    if (verb === 'ban') await nodes.evict(ONE)
    await crls.publishDue()
    expect(await listed()).toEqual(['0a01', '0a02', '0a04'])
  },
)

it('counts up, tells every agent, and publishes nothing when nothing has changed', async () => {
  const { crls, nodes, published, store } = await openWorld()
  const changes: unknown[] = []
  store.feed.subscribe(({ kind, agents }) => changes.push([kind, agents]))
  await crls.publishDue()
  const [before = new Uint8Array()] = await published()
  await crls.publishDue()
  expect(changes).toEqual([['crl.updated', 'all']])
  await nodes.ban(ONE)
  await crls.publishDue()
  const [after = new Uint8Array()] = await published()
  const number = (der: Uint8Array) => Number.parseInt(Buffer.from(parseCrl(der).number).toString('hex'), 16)
  expect(number(after)).toBeGreaterThan(number(before))
  expect(changes.at(-1)).toEqual(['crl.updated', 'all'])
})

it('is renewed at half of its time', async () => {
  const { crls, clock, published } = await openWorld()
  await crls.publishDue()
  const before = await published()
  await clock.advance(CRL_VALIDITY_SECONDS / 2 - 60)
  await crls.publishDue()
  expect(await published()).toEqual(before)
  await clock.advance(60)
  await crls.publishDue()
  expect(await published()).not.toEqual(before)
})

it('keeps a revoked certificate until a list was issued after its end, and forgets others with their end', async () => {
  const { crls, nodes, clock, store, listed } = await openWorld()
  await nodes.ban(ONE)
  await crls.publishDue()
  await clock.advance(200)
  await crls.forgetExpired()
  const kept = () => store.read((db) => db.selectFrom('certificates').select('serial').execute())
  expect(await kept()).toEqual([{ serial: '0a01' }])
  expect(await listed()).toEqual(['0a01'])
  await clock.advance(CRL_VALIDITY_SECONDS / 2)
  await crls.publishDue()
  expect(await listed()).toEqual(['0a01'])
  await crls.forgetExpired()
  expect(await kept()).toEqual([])
  await clock.advance(CRL_VALIDITY_SECONDS / 2)
  await crls.publishDue()
  expect(await listed()).toEqual([])
})

it('hands out nothing behind a ban or an eviction, and records the others that came at the same time', async () => {
  const { nodes, certificates, certificate, crls, listed } = await openWorld()
  await nodes.ban(ONE)
  const code = (expected: string) => expect.objectContaining({ code: expected })
  const outcomes = await Promise.allSettled([
    certificates.record(TWO, [certificate('0b02')]),
    certificates.record(ONE, [certificate('0a02')]),
    certificates.record(`${ONE}-unknown`, [certificate('0c02')]),
    certificates.record(TWO, [certificate('0b03')]),
  ])
  expect(outcomes).toEqual([
    { status: 'fulfilled', value: undefined },
    { status: 'rejected', reason: code('ERR_NODE_BANNED') },
    { status: 'rejected', reason: code('ERR_NODE_UNKNOWN') },
    { status: 'fulfilled', value: undefined },
  ])
  await nodes.ban(TWO)
  await crls.publishDue()
  expect(await listed()).toEqual(['0a01', '0b01', '0b02', '0b03'])
})

it('says once that a key is missing, keeps the list it had, and goes on with the others', async () => {
  const { crls, nodes, keyManager, authority, lifeCycle, published, listed, log } = await openWorld()
  await crls.publishDue()
  await keyManager.deleteKey(authority.keyName)
  await nodes.ban(ONE)
  await lifeCycle.prepare('x509')
  await crls.publishDue()
  await crls.publishDue()
  expect(await published()).toHaveLength(2)
  expect(await listed()).toEqual([])
  expect(log.lines.filter(({ message }) => message === 'revocation list cannot be signed')).toHaveLength(1)
})

it('publishes no list of an authority that is gone', async () => {
  const { crls, lifeCycle, published, store } = await openWorld()
  const { id } = await lifeCycle.prepare('x509')
  await crls.publishDue()
  await lifeCycle.revoke(id)
  expect(await published()).toHaveLength(1)
  await crls.forgetExpired()
  expect(await store.read((db) => db.selectFrom('crls').select('authority_id').execute())).toHaveLength(1)
})
