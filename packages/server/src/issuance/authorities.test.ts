import { parseCertificate, parseSpiffeBundle } from '@countersign/protocol'
import { generateSigningKey } from '@countersign/protocol/keys-node'
import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { AUTHORITY_KINDS } from '../store/authority-store.ts'
import type { BundleStore } from '../store/bundle-store.ts'
import { LIFETIME, openTestAuthorities, reopenAuthorities, trustDomain } from '../test-support/test-authorities.ts'

async function readOwnBundle(bundles: BundleStore) {
  const stored = await bundles.get(trustDomain)
  return parseSpiffeBundle(trustDomain, stored?.bundle)
}

describe('Authorities', () => {
  it('has one active authority of each kind from the start, and publishes all of them', async () => {
    const { authorities, bundles, store } = await openTestAuthorities()
    expect(authorities.list().map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'jwt active',
      'wit active',
      'x509 active',
    ])
    const bundle = await readOwnBundle(bundles)
    expect(bundle.x509Authorities).toEqual([(await authorities.active('x509')).authority.certificate])
    expect(bundle.jwtAuthorities.map(({ kid }) => kid)).toEqual([(await authorities.active('jwt')).authority.id])
    expect(bundle.witAuthorities.map(({ kid }) => kid)).toEqual([(await authorities.active('wit')).authority.id])
    expect(bundle.refreshHintSeconds).toBe(60)
    expect(bundle.sequence).toBeLessThanOrEqual(await store.revision())
  })

  it('rotates by the clock: publish, use, retire, remove with the private key', async () => {
    const { authorities, bundles, clock, keyManager, log } = await openTestAuthorities()
    const first = (await authorities.active('x509')).authority
    const sizes = async () => (await readOwnBundle(bundles)).x509Authorities.length

    clock.jump(LIFETIME / 2)
    await authorities.tick()
    expect(await sizes()).toBe(2)
    expect((await authorities.active('x509')).authority.id).toBe(first.id)

    clock.jump(LIFETIME / 3)
    await authorities.tick()
    const second = (await authorities.active('x509')).authority
    expect(second.id).not.toBe(first.id)
    expect(await sizes()).toBe(2)
    expect(await keyManager.listKeys()).toContain(first.keyName)

    clock.jump(LIFETIME / 6)
    await authorities.tick()
    // The first one is gone, the second one is at half of its life and has a successor already.
    expect((await readOwnBundle(bundles)).x509Authorities).not.toContainEqual(first.certificate)
    expect(await keyManager.listKeys()).not.toContain(first.keyName)
    expect((await authorities.active('x509')).authority.id).toBe(second.id)
    const states = log.events('authority.changed').filter((event) => event['authorityId'] === first.id)
    expect(states.map((event) => event['state'])).toEqual(['prepared', 'active', 'removed'])
  })

  it('raises the sequence with every change of the bundle, and only then', async () => {
    const { authorities, bundles, clock, store } = await openTestAuthorities()
    const sequences: number[] = []
    const note = async () => sequences.push((await readOwnBundle(bundles)).sequence ?? 0)
    await note()
    await store.change((change) => change.record('entry.created', 'unrelated'))
    await authorities.tick()
    await note()
    expect(sequences[1]).toBe(sequences[0])
    for (let step = 0; step < 12; step++) {
      clock.jump(LIFETIME / 6)
      await authorities.tick()
      await note()
    }
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    expect(new Set(sequences).size).toBeGreaterThan(4)
  })

  it('gives every authority a subject of its own and the identifier of the trust domain', async () => {
    const { authorities, bundles, clock } = await openTestAuthorities()
    clock.jump(LIFETIME / 2)
    await authorities.tick()
    const roots = (await readOwnBundle(bundles)).x509Authorities.map((der) => parseCertificate(der))
    expect(new Set(roots.map((root) => Buffer.from(root.subject).toString('hex'))).size).toBe(2)
    for (const root of roots) {
      expect(root.uriSans).toEqual(['spiffe://example.org'])
      expect(root.isCa).toBe(true)
    }
  })

  it('continues with the same keys after a restart', async () => {
    const { authorities, store, clock, keyManager } = await openTestAuthorities()
    const before = await Promise.all(AUTHORITY_KINDS.map((kind) => authorities.active(kind)))
    const revision = await store.revision()
    const restarted = await reopenAuthorities(store, clock, keyManager)
    const after = await Promise.all(AUTHORITY_KINDS.map((kind) => restarted.authorities.active(kind)))
    expect(after.map(({ authority }) => authority)).toEqual(before.map(({ authority }) => authority))
    expect(await store.revision()).toBe(revision)
  })

  it('recovers by itself when everything expired while the server was off', async () => {
    const { authorities, store, clock, keyManager } = await openTestAuthorities()
    const before = (await authorities.active('jwt')).authority
    clock.jump(LIFETIME * 3)
    const restarted = await reopenAuthorities(store, clock, keyManager)
    const after = (await restarted.authorities.active('jwt')).authority
    expect(after.id).not.toBe(before.id)
    expect(after.notBefore).toBe(clock.now())
    expect((await readOwnBundle(restarted.bundles)).jwtAuthorities.map(({ kid }) => kid)).toEqual([after.id])
    expect(await keyManager.listKeys()).toHaveLength(3)
  })

  it('recovers by itself when the machine slept through its timers', async () => {
    const { authorities, clock, issuer } = await openTestAuthorities()
    clock.jump(LIFETIME * 3)
    const { publicJwk: publicKey } = generateSigningKey('ES256')
    const svid = await issuer.issueX509({
      kind: 'x509-svid',
      spiffeId: 'spiffe://example.org/db',
      publicKey,
      ttlSeconds: 60,
    })
    expect(svid.expiresAt).toBe(clock.now() + 60)
    expect(authorities.list()).toHaveLength(3)
  })

  it('removes keys that a crash left without a record, and no others', async () => {
    const { store, clock, keyManager } = await openTestAuthorities()
    const orphan = `jwt-${'0'.repeat(32)}`
    await keyManager.createKey(orphan, 'ES256')
    await keyManager.createKey('jwt-of-someone-else', 'ES256')
    await reopenAuthorities(store, clock, keyManager)
    expect(await keyManager.listKeys()).not.toContain(orphan)
    expect(await keyManager.listKeys()).toContain('jwt-of-someone-else')
  })

  it('removes no key from a place that others may have keys in, and names it', async () => {
    const { store, clock, keyManager } = await openTestAuthorities()
    const orphan = `x509-${'0'.repeat(32)}`
    await keyManager.createKey(orphan, 'ES256')
    const { log } = await reopenAuthorities(store, clock, Object.assign(keyManager, { isShared: true }))
    expect(await keyManager.listKeys()).toContain(orphan)
    expect(log.text).toContain(orphan)
  })

  it('retires an authority whose private key is lost: what it signed stays valid', async () => {
    const { authorities, store, clock, keyManager } = await openTestAuthorities()
    const lost = (await authorities.active('wit')).authority
    await keyManager.deleteKey(lost.keyName)
    const restarted = await reopenAuthorities(store, clock, keyManager)
    const { authority } = await restarted.authorities.active('wit')
    expect(authority.id).not.toBe(lost.id)
    const kids = (await readOwnBundle(restarted.bundles)).witAuthorities.map(({ kid }) => kid)
    expect(kids.sort()).toEqual([lost.id, authority.id].sort())
  })

  it('does not sign with another key that took the name of its own', async () => {
    const { authorities, store, clock, keyManager } = await openTestAuthorities()
    const swapped = (await authorities.active('x509')).authority
    await keyManager.deleteKey(swapped.keyName)
    await keyManager.createKey(swapped.keyName, 'ES256')
    const restarted = await reopenAuthorities(store, clock, keyManager)
    expect((await restarted.authorities.active('x509')).authority.id).not.toBe(swapped.id)
  })

  it('finishes what a crash interrupted after the key was made, after it was recorded, and after removal', async () => {
    const { authorities, authorityStore, store, clock, keyManager } = await openTestAuthorities()
    const first = (await authorities.active('jwt')).authority
    clock.jump(LIFETIME / 2)
    // Crash after the record of the successor, before anything else.
    await authorities.tick()
    clock.jump(LIFETIME / 2)
    // Crash after the record was removed, before the key was.
    await authorityStore.remove(first)
    const restarted = await reopenAuthorities(store, clock, keyManager)
    expect(await keyManager.listKeys()).not.toContain(first.keyName)
    const ofKind = restarted.authorities.list().filter(({ kind }) => kind === 'jwt')
    expect(ofKind.filter(({ state }) => state === 'active')).toHaveLength(1)
  })

  it('does each step once, however many calls overlap', async () => {
    const { authorities, clock, keyManager } = await openTestAuthorities()
    clock.jump(LIFETIME / 2)
    await Promise.all(Array.from({ length: 10 }, () => authorities.tick()))
    expect(authorities.list()).toHaveLength(6)
    expect(await keyManager.listKeys()).toHaveLength(6)
  })

  it('goes on when the key manager failed once', async () => {
    const { authorities, clock, keyManager } = await openTestAuthorities()
    const { createKey } = keyManager
    clock.jump(LIFETIME * 2)
    keyManager.createKey = () => Promise.reject(new Error('out of order'))
    await expect(authorities.active('jwt')).rejects.toThrow('out of order')
    keyManager.createKey = createKey
    expect((await authorities.active('jwt')).authority.notBefore).toBe(clock.now())
  })

  it('signs nothing when no key can be had', async () => {
    const { authorities, clock, keyManager, issuer } = await openTestAuthorities()
    clock.jump(LIFETIME * 2)
    // Removed under its hands right after it was made.
    const { createKey } = keyManager
    keyManager.createKey = async (name, alg) => {
      const key = await createKey.call(keyManager, name, alg)
      await keyManager.deleteKey(name)
      return key
    }
    const issuing = issuer.issueJwt({ spiffeId: 'spiffe://example.org/db', ttlSeconds: 60, audience: ['a'] })
    await expectCode(issuing, 'ERR_AUTHORITY_NONE_ACTIVE')
    expect(authorities.list().every(({ notAfter }) => notAfter > clock.now())).toBe(true)
  })
})
