import { X509Certificate } from 'node:crypto'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { describe, expect, it } from 'vitest'
import { OwnSigner } from '../issuance/own-signer.ts'
import {
  LIFETIME,
  openTestAuthorities,
  PROPAGATION,
  reopenAuthorities,
  trustDomain,
} from '../test-support/test-authorities.ts'
import { ServerIdentity } from './server-identity.ts'

const TTL = 3600
/** Longer than a certificate of the server may be shown. */
const LONG = 5000

type Opened = Awaited<ReturnType<typeof reopenAuthorities>>
type Clock = Awaited<ReturnType<typeof openTestAuthorities>>['clock']

/** A server's identity. `signer`: after a round of maintenance, the id of the authority that signed what is shown. */
async function show(opened: Opened, clock: Clock, propagationSeconds = PROPAGATION, ttlSeconds = TTL) {
  const { authorities, factory, issuer } = opened
  const signer = new OwnSigner({ authorities, factory, clock, propagationSeconds })
  const identity = new ServerIdentity({ issuer, signer, clock, trustDomain, ttlSeconds, dnsNames: [] })
  let shown = await identity.load()
  const leaf = async (ticks = true) => {
    if (ticks) await authorities.tick()
    shown = (await identity.renewIfDue()) ?? shown
    const certificate = new X509Certificate(shown.cert)
    expect(certificate.validToDate.getTime() / 1000).toBeGreaterThan(clock.now())
    return certificate
  }
  return { leaf, signer: async (ticks = true) => /x509-[0-9a-f]{32}/.exec((await leaf(ticks)).issuer)?.[0] }
}

async function open(propagationSeconds = PROPAGATION, ttlSeconds = TTL) {
  const test = await openTestAuthorities()
  const { id: old } = (await test.authorities.active('x509')).authority
  const force = async () => {
    const { id } = await test.lifeCycle.prepare('x509')
    await test.lifeCycle.activate(id, { force: true })
    return id
  }
  return { ...test, ...(await show(test, test.clock, propagationSeconds, ttlSeconds)), old, force }
}

describe('the certificate of the server itself', () => {
  it('stays with the authority before, until everyone can know the one that was forced', async () => {
    const { clock, issuer, old, force, signer } = await open()
    const next = await force()
    const request = { kind: 'x509-svid', spiffeId: 'spiffe://example.org/db', ttlSeconds: 60 } as const
    const svid = await issuer.issueX509({ ...request, publicKey: generateSigningKey('ES256').publicJwk })
    expect(svid.authorityId).toBe(next)
    expect(await signer()).toBe(old)
    clock.jump(PROPAGATION - 1)
    expect(await signer()).toBe(old)
    clock.jump(1)
    expect(await signer()).toBe(next)
  })

  it('changes at once when everyone can know the next one', async () => {
    const { clock, lifeCycle, signer } = await open()
    const { id } = await lifeCycle.prepare('x509')
    clock.jump(PROPAGATION)
    await lifeCycle.activate(id)
    expect(await signer()).toBe(id)
  })

  it('stays with the one that most can know when several were forced, whatever became of those between', async () => {
    const { clock, lifeCycle, old, force, signer } = await open()
    clock.jump(1)
    const second = await force()
    clock.jump(PROPAGATION / 2)
    const third = await force()
    expect(await signer()).toBe(old)
    clock.jump(PROPAGATION / 2)
    expect(await signer()).toBe(second)
    await lifeCycle.revoke(second, { force: true })
    expect(await signer()).toBe(old)
    clock.jump(PROPAGATION / 2)
    expect(await signer()).toBe(third)
  })

  it('is renewed by the authority before, also when the server starts again', async () => {
    const { store, clock, keyManager, old, force, leaf, signer } = await open(LONG)
    // Before any time that a lifetime of the authority would set.
    await force()
    const { serialNumber } = await leaf()
    clock.jump(LIFETIME / 12)
    const again = await show(await reopenAuthorities(store, clock, keyManager), clock, LONG)
    expect(await again.signer()).toBe(old)
    expect((await again.leaf()).serialNumber).not.toBe(serialNumber)
    expect(await signer()).toBe(old)
  })

  it('is shown on when its authority is tainted, and renewed by the next', async () => {
    const { store, clock, keyManager, lifeCycle, old, force, leaf, signer } = await open()
    const { serialNumber } = await leaf()
    const next = await force()
    await lifeCycle.taint(old)
    clock.jump(PROPAGATION - 1)
    expect((await leaf()).serialNumber).toBe(serialNumber)
    // A key that may have leaked signs nothing more, not even this.
    const again = await show(await reopenAuthorities(store, clock, keyManager), clock)
    expect(await again.signer()).toBe(next)
    clock.jump(1)
    expect(await signer()).toBe(next)
  })

  it('is shown on past its half-life when its authority is tainted', async () => {
    const { clock, lifeCycle, old, force, signer } = await open()
    clock.jump(TTL / 2 - 1)
    const next = await force()
    await lifeCycle.taint(old)
    clock.jump(PROPAGATION - 1)
    expect(await signer()).toBe(old)
    clock.jump(1)
    expect(await signer()).toBe(next)
  })

  it('is not shown to its end, also when its authority is tainted', async () => {
    const { clock, lifeCycle, old, force, signer } = await open(LONG, 600)
    const next = await force()
    await lifeCycle.taint(old)
    clock.jump(569)
    expect(await signer()).toBe(old)
    clock.jump(1)
    expect(await signer()).toBe(next)
  })

  it('is renewed at its half-life', async () => {
    const { clock, leaf } = await open()
    const { serialNumber } = await leaf()
    clock.jump(TTL / 2 - 1)
    expect((await leaf()).serialNumber).toBe(serialNumber)
    clock.jump(1)
    expect((await leaf()).serialNumber).not.toBe(serialNumber)
  })

  it('is never signed by what is only prepared, however long', async () => {
    const { clock, factory, authorityStore, lifeCycle, old, signer } = await open()
    await authorityStore.add(await factory.create('x509'))
    clock.jump(PROPAGATION)
    const late = await factory.create('x509')
    await authorityStore.add(late)
    await lifeCycle.activate(late.id, { force: true })
    expect(await signer()).toBe(old)
  })

  it('changes at once when its authority is revoked', async () => {
    const { lifeCycle, old, force, signer } = await open()
    const next = await force()
    await lifeCycle.revoke(old, { force: true })
    expect(await signer()).toBe(next)
  })

  it('is signed by the next one when the key of the one before is gone', async () => {
    const { store, clock, keyManager, old, force, signer } = await open()
    const next = await force()
    await keyManager.deleteKey(old)
    expect(await signer()).toBe(old)
    const again = await show(await reopenAuthorities(store, clock, keyManager), clock)
    expect(await again.signer()).toBe(next)
  })

  it('outlives an authority that ends', async () => {
    const { clock, force, signer } = await open()
    clock.jump(LIFETIME - 10)
    const next = await force()
    expect(await signer()).not.toBe(next)
    clock.jump(10)
    // Also before a round has removed it.
    expect(await signer(false)).toBe(next)
  })
})
