import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeyManager } from '../plugin/key-manager.ts'
import { expectRefusal } from './expectations.ts'

/** One key manager with a store of its own. */
export interface KeyManagerFixture {
  readonly manager: KeyManager
  /** A second manager on the same store, as after a restart. Absent when keys end with the process. */
  readonly reopen?: () => KeyManager | Promise<KeyManager>
  readonly dispose?: () => void | Promise<void>
}

const ALGORITHMS: readonly SignatureAlgorithm[] = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256']
const INVALID_NAMES = ['', '.', '..', '../escape', 'a/b', '.hidden', 'Upper', 'a\0b', 'a b', 'a'.repeat(129)]

/** The contract of `KeyManager`: call it in a plugin's test file. */
export function describeKeyManager(name: string, factory: () => KeyManagerFixture | Promise<KeyManagerFixture>): void {
  describe(`${name} keeps the key manager contract`, () => {
    let fixture: KeyManagerFixture
    let manager: KeyManager

    beforeEach(async () => {
      fixture = await factory()
      manager = fixture.manager
    })
    afterEach(() => fixture.dispose?.())

    it.each(ALGORITHMS)('creates %s keys whose signatures verify', async (alg) => {
      const key = await manager.createKey('signer', alg)
      expect(key.alg).toBe(alg)
      expect(key.publicJwk).toMatchObject({ alg, kid: 'signer' })
      expect(await verifies(key, key)).toBe(true)
    })

    it('returns the key it created', async () => {
      const created = await manager.createKey('x509-ca.1', 'ES256')
      const found = await manager.getKey('x509-ca.1')
      expect(found?.publicJwk).toEqual(created.publicJwk)
      expect(found !== undefined && (await verifies(found, created))).toBe(true)
    })

    it('makes a new key for each name', async () => {
      const [one, two] = [await manager.createKey('one', 'ES256'), await manager.createKey('two', 'ES256')]
      expect(await verifies(one, two)).toBe(false)
    })

    it('does not know a name that was never created', async () => {
      expect(await manager.getKey('unknown')).toBe(undefined)
    })

    it('lists names', async () => {
      expect(await manager.listKeys()).toEqual([])
      await manager.createKey('b', 'ES256')
      await manager.createKey('a', 'ES256')
      expect([...(await manager.listKeys())].sort()).toEqual(['a', 'b'])
    })

    it('refuses a name that exists and keeps its key', async () => {
      const first = await manager.createKey('once', 'ES256')
      await expectRefusal(manager.createKey('once', 'ES384'), 'ERR_KEY_MANAGER_EXISTS')
      expect((await manager.getKey('once'))?.publicJwk).toEqual(first.publicJwk)
    })

    it('lets one of many concurrent creators of a name win', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => manager.createKey('race', 'ES256')))
      const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
      expect(winners).toHaveLength(1)
      expect(codes).toEqual(Array(7).fill('ERR_KEY_MANAGER_EXISTS'))
      expect((await manager.getKey('race'))?.publicJwk).toEqual(winners[0]?.publicJwk)
    })

    it('creates different names at the same time', async () => {
      const names = Array.from({ length: 8 }, (_, index) => `parallel-${index}`)
      await Promise.all(names.map((each) => manager.createKey(each, 'ES256')))
      expect([...(await manager.listKeys())].sort()).toEqual(names)
    })

    it('forgets a deleted key', async () => {
      await manager.createKey('gone', 'ES256')
      await manager.createKey('stays', 'ES256')
      await manager.deleteKey('gone')
      expect(await manager.getKey('gone')).toBe(undefined)
      expect(await manager.listKeys()).toEqual(['stays'])
    })

    it('does nothing when it deletes an unknown name', async () => {
      await manager.deleteKey('unknown')
      expect(await manager.listKeys()).toEqual([])
    })

    it.each(INVALID_NAMES)('refuses the name %j', async (invalid) => {
      await expectRefusal(manager.createKey(invalid, 'ES256'), 'ERR_KEY_MANAGER_NAME')
      await expectRefusal(manager.getKey(invalid), 'ERR_KEY_MANAGER_NAME')
      await expectRefusal(manager.deleteKey(invalid), 'ERR_KEY_MANAGER_NAME')
      expect(await manager.listKeys()).toEqual([])
    })

    it('accepts the longest name', async () => {
      const longest = 'a'.repeat(128)
      await manager.createKey(longest, 'ES256')
      expect(await manager.listKeys()).toEqual([longest])
    })

    it('shows no private member of a key', async () => {
      const key = await manager.createKey('shown', 'RS256')
      const members = Object.keys({ ...key.publicJwk, ...JSON.parse(JSON.stringify(key)) })
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'pkcs8']) expect(members).not.toContain(secret)
    })

    it('names files of its own for a backup, or none', async () => {
      await manager.createKey('saved', 'ES256')
      const files = (await manager.backupFiles?.()) ?? []
      expect(files.filter((path) => path.startsWith('/') || path.split('/').includes('..'))).toEqual([])
      expect(new Set(files).size).toBe(files.length)
    })

    it('has its keys after a restart, unless they end with the process', async () => {
      const created = await manager.createKey('durable', 'ES256')
      await manager.createKey('deleted', 'ES256')
      await manager.deleteKey('deleted')
      const reopened = await fixture.reopen?.()
      if (reopened === undefined) return
      expect(await reopened.listKeys()).toEqual(['durable'])
      const found = await reopened.getKey('durable')
      expect(found?.publicJwk).toEqual(created.publicJwk)
      expect(found !== undefined && (await verifies(found, created))).toBe(true)
      await expectRefusal(reopened.createKey('durable', 'ES256'), 'ERR_KEY_MANAGER_EXISTS')
    })
  })
}

/** Whether what one key signs verifies under the other's public key. */
async function verifies(signer: SigningKey, other: SigningKey): Promise<boolean> {
  const data = new TextEncoder().encode('contract')
  const verifier = await nodeCrypto.importPublicJwk(other.publicJwk, other.alg)
  return verifier.verify(data, await signer.sign(data))
}
