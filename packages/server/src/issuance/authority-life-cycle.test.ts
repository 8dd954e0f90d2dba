import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { NodeStore } from '../store/node-store.ts'
import { openTestAuthorities, PROPAGATION, reopenAuthorities, trustDomain } from '../test-support/test-authorities.ts'

const AGENT = 'spiffe://example.org/countersign/agent/one'

/** One authority more of a kind, in use, and the one before it retired. */
async function withRetired() {
  const test = await openTestAuthorities()
  const old = (await test.authorities.active('x509')).authority
  const { id } = await test.lifeCycle.prepare('x509')
  test.clock.jump(PROPAGATION)
  await test.lifeCycle.activate(id)
  return { ...test, old, id }
}

type Test = Awaited<ReturnType<typeof openTestAuthorities>>

const attest = ({ store, clock }: Test, agentId = AGENT) =>
  new NodeStore(store).recordAttested({
    ...{ agentId, attestor: 'test', selectors: [], expiresAt: clock.now() + 3600 },
    ...{ serial: Buffer.from(agentId).toString('hex'), authorityId: 'x509-1' },
  })
const roots = async ({ bundles }: Test) =>
  (await bundles.get(trustDomain))?.bundle.keys.filter(({ use }) => use === 'x509-svid').length
const show = async ({ lifeCycle }: Test, id: string) => (await lifeCycle.list()).find((each) => each.id === id)

describe('prepare', () => {
  it('publishes a new authority that does not sign yet', async () => {
    const test = await openTestAuthorities()
    const before = (await test.authorities.active('x509')).authority.id
    const view = await test.lifeCycle.prepare('x509')
    expect(view).toMatchObject({ kind: 'x509', state: 'prepared', distributedAt: test.clock.now() + PROPAGATION })
    expect(await roots(test)).toBe(2)
    expect((await test.authorities.active('x509')).authority.id).toBe(before)
  })

  it('answers with the one that is prepared already', async () => {
    const { lifeCycle, keyManager } = await openTestAuthorities()
    const { id } = await lifeCycle.prepare('jwt')
    const keys = await keyManager.listKeys()
    expect((await lifeCycle.prepare('jwt')).id).toBe(id)
    expect(await keyManager.listKeys()).toEqual(keys)
  })
})

describe('activate', () => {
  it('has a prepared authority sign, once everyone can know it', async () => {
    const test = await openTestAuthorities()
    const { id } = await test.lifeCycle.prepare('wit')
    test.clock.jump(PROPAGATION - 1)
    await expectCode(test.lifeCycle.activate(id), 'ERR_AUTHORITY_NOT_DISTRIBUTED')
    test.clock.jump(1)
    expect(await test.lifeCycle.activate(id)).toMatchObject({ id, state: 'active' })
    expect((await test.authorities.active('wit')).authority.id).toBe(id)
    expect(await test.lifeCycle.activate(id)).toMatchObject({ id, state: 'active' })
  })

  it('does not wait when forced', async () => {
    const { lifeCycle, authorities } = await openTestAuthorities()
    const { id } = await lifeCycle.prepare('x509')
    await lifeCycle.activate(id, { force: true })
    expect((await authorities.active('x509')).authority.id).toBe(id)
  })

  it('refuses one that is retired, revoked or not there', async () => {
    const { lifeCycle, old } = await withRetired()
    await expectCode(lifeCycle.activate(old.id), 'ERR_AUTHORITY_STATE')
    await lifeCycle.revoke(old.id, { force: true })
    await expectCode(lifeCycle.activate(old.id), 'ERR_AUTHORITY_STATE')
    await expectCode(lifeCycle.activate('x509-0'), 'ERR_AUTHORITY_NOT_FOUND')
  })

  it('refuses one whose key is gone', async () => {
    const { lifeCycle, keyManager } = await openTestAuthorities()
    const { id } = await lifeCycle.prepare('x509')
    await keyManager.deleteKey(id)
    await expectCode(lifeCycle.activate(id, { force: true }), 'ERR_AUTHORITY_KEY_MISSING')
  })
})

describe('taint', () => {
  it('refuses the one that signs and one that never has', async () => {
    const { lifeCycle, authorities } = await openTestAuthorities()
    await expectCode(lifeCycle.taint((await authorities.active('x509')).authority.id), 'ERR_AUTHORITY_STATE')
    await expectCode(lifeCycle.taint((await lifeCycle.prepare('x509')).id), 'ERR_AUTHORITY_STATE')
    await expectCode(lifeCycle.taint('x509-0'), 'ERR_AUTHORITY_NOT_FOUND')
  })

  it('keeps it trusted, and waits for every node to say that nothing is left', async () => {
    const test = await withRetired()
    const { lifeCycle, reports, clock, old } = test
    await attest(test)
    await attest(test, `${AGENT}-2`)
    const taintedAt = clock.now()
    await lifeCycle.taint(old.id)
    expect(await roots(test)).toBe(2)
    await reports.record(AGENT, { holding: [{ authorityId: old.id, credentials: 3 }] }, clock.now())
    expect(await show(test, old.id)).toMatchObject({
      state: 'retired',
      taintedAt,
      taint: { nodes: 2, waiting: 2, waitingFor: [AGENT, `${AGENT}-2`], credentials: 3 },
    })
    await reports.record(AGENT, { holding: [{ authorityId: old.id, credentials: 0 }] }, clock.now())
    expect((await show(test, old.id))?.taint).toMatchObject({ waiting: 1, waitingFor: [`${AGENT}-2`], credentials: 0 })
    clock.jump(5)
    expect(await lifeCycle.taint(old.id)).toMatchObject({ taintedAt })
  })

  it('waits neither for banned nodes nor for those that were gone before', async () => {
    const test = await withRetired()
    await attest(test)
    await attest(test, `${AGENT}-banned`)
    await new NodeStore(test.store).ban(`${AGENT}-banned`)
    test.clock.jump(3600)
    await test.lifeCycle.taint(test.old.id)
    expect((await show(test, test.old.id))?.taint?.nodes).toBe(0)
  })

  it('takes no reports on authorities that are not tainted', async () => {
    const test = await withRetired()
    await attest(test)
    await test.reports.record(AGENT, { holding: [{ authorityId: test.old.id, credentials: 0 }] }, test.clock.now())
    await test.lifeCycle.taint(test.old.id)
    expect((await show(test, test.old.id))?.taint?.waiting).toBe(1)
  })
})

describe('revoke', () => {
  it('takes a tainted authority out of the bundle, with its key, once nothing is left', async () => {
    const test = await withRetired()
    const { lifeCycle, reports, keyManager, clock, old } = test
    await attest(test)
    await expectCode(lifeCycle.revoke(old.id), 'ERR_AUTHORITY_NOT_TAINTED')
    await lifeCycle.taint(old.id)
    await expectCode(lifeCycle.revoke(old.id), 'ERR_AUTHORITY_STILL_USED')
    await reports.record(AGENT, { holding: [{ authorityId: old.id, credentials: 0 }] }, clock.now())
    expect(await lifeCycle.revoke(old.id)).toMatchObject({ id: old.id, state: 'revoked', revokedAt: clock.now() })
    expect(await roots(test)).toBe(1)
    expect(await keyManager.listKeys()).not.toContain(old.keyName)
    expect(await lifeCycle.revoke(old.id)).toMatchObject({ state: 'revoked' })
  })

  it('does not wait when forced', async () => {
    const test = await withRetired()
    await test.lifeCycle.revoke(test.old.id, { force: true })
    expect(await roots(test)).toBe(1)
  })

  it('refuses the one that signs, even when forced', async () => {
    const { lifeCycle, id } = await withRetired()
    await expectCode(lifeCycle.revoke(id, { force: true }), 'ERR_AUTHORITY_STATE')
    await expectCode(lifeCycle.revoke('x509-0', { force: true }), 'ERR_AUTHORITY_NOT_FOUND')
  })

  it('takes one that was only prepared', async () => {
    const test = await openTestAuthorities()
    const { id } = await test.lifeCycle.prepare('x509')
    await test.lifeCycle.revoke(id)
    expect(await roots(test)).toBe(1)
  })

  it('deletes the key of one that a crash left between the two', async () => {
    const test = await withRetired()
    const { authorityStore, store, clock, keyManager, old } = test
    await authorityStore.revoke(old)
    expect(await keyManager.listKeys()).toContain(old.keyName)
    const { lifeCycle } = await reopenAuthorities(store, clock, keyManager)
    expect(await keyManager.listKeys()).not.toContain(old.keyName)
    expect(await lifeCycle.revoke(old.id)).toMatchObject({ state: 'revoked' })
  })
})

it('tells an auditor of every step', async () => {
  const { lifeCycle, log, old } = await withRetired()
  await lifeCycle.taint(old.id)
  await lifeCycle.revoke(old.id)
  const states = log.events('authority.changed').map(({ authorityId, state }) => `${authorityId} ${state}`)
  expect(states.slice(-2)).toEqual([`${old.id} tainted`, `${old.id} revoked`])
})
