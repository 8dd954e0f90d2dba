import type { SignatureAlgorithm, SigningKey } from '@countersign/protocol'
import { nodeCrypto } from '@countersign/protocol/keys-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeyManager } from '../plugin/key-manager.ts'
import { expectRefusal } from './expectations.ts'
import { OtherProcess, type OtherProcessOptions } from './other-process.ts'

/** One key manager with a store of its own. */
export interface KeyManagerFixture {
  readonly manager: KeyManager
  /** A second manager on the same store, as after a restart. Absent when keys end with the process. */
  readonly reopen?: () => KeyManager | Promise<KeyManager>
  /** How another process opens the same store. Absent when keys end with the process. */
  readonly otherProcess?: OtherProcessOptions
  readonly dispose?: () => void | Promise<void>
}

/** What the contract tries of the algorithms. A server needs the first two. */
const ALGORITHMS: readonly SignatureAlgorithm[] = ['ES256', 'RS256', 'ES384', 'EdDSA', 'PS256']
const PROCESS_TIMEOUT_MS = 180_000

export interface KeyManagerContractOptions {
  /** What keys there may be, where not all: `ES256` and `RS256` at least. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /**
   * What happens when two processes create one name at the same moment: one of them wins (the default), or, where the place of
   * the keys cannot see to that, the name may be of no use afterwards, but never stand for two keys.
   */
  readonly rivalProcesses?: 'one-wins' | 'detected'
  /** Why nothing can be tried here. */
  readonly skipReason?: string | undefined
}
const VALID_NAMES = ['0', 'a', 'a..b', 'a.json', 'con', 'new-a', 'x-_.9']
const INVALID_NAMES = ['', '.', '..', '../escape', 'a/b', '.hidden', 'Upper', 'a\0b', 'a b', 'a'.repeat(129)]

/** The contract of `KeyManager`: call it in a plugin's test file. */
export function describeKeyManager(
  name: string,
  factory: () => KeyManagerFixture | Promise<KeyManagerFixture>,
  { algorithms = ALGORITHMS, rivalProcesses = 'one-wins', skipReason }: KeyManagerContractOptions = {},
): void {
  const reason = skipReason === undefined ? '' : ` (skipped: ${skipReason})`
  describe.skipIf(skipReason !== undefined)(`${name} keeps the key manager contract${reason}`, () => {
    let fixture: KeyManagerFixture
    let manager: KeyManager

    beforeEach(async () => {
      fixture = await factory()
      manager = fixture.manager
    })
    afterEach(() => fixture.dispose?.())

    it.each(algorithms)('creates %s keys whose signatures verify', async (alg) => {
      const key = await manager.createKey('signer', alg)
      expect(key.alg).toBe(alg)
      expect(key.publicJwk).toMatchObject({ alg, kid: 'signer' })
      expect(await verifies(key, key)).toBe(true)
    })

    it.each(ALGORITHMS.filter((alg) => !algorithms.includes(alg)))('refuses to create a key for %s', async (alg) => {
      await expectRefusal(manager.createKey('signer', alg), 'ERR_KEY_MANAGER_ALGORITHM')
      expect(await manager.listKeys()).toEqual([])
    })

    it('keeps signatures that are made at the same time apart', async () => {
      const keys = [await manager.createKey('one', 'ES256'), await manager.createKey('two', 'RS256')]
      const signatures = await Promise.all(
        Array.from({ length: 32 }, async (_, index) => {
          const key = keys[index % 2] as SigningKey
          const data = new TextEncoder().encode(`message ${index}`)
          const signature = await key.sign(data)
          const verifier = await nodeCrypto.importPublicJwk(key.publicJwk, key.alg)
          return verifier.verify(data, signature)
        }),
      )
      expect(await Promise.all(signatures)).toEqual(Array(32).fill(true))
    })

    it('signs what it was given, whatever becomes of the bytes afterwards', async () => {
      for (const alg of ['ES256', 'RS256'] as const) {
        const key = await manager.createKey(`signer-${alg.toLowerCase()}`, alg)
        const data = new TextEncoder().encode('as it was')
        const signing = key.sign(data)
        data.fill(0)
        const verifier = await nodeCrypto.importPublicJwk(key.publicJwk, alg)
        expect(await verifier.verify(new TextEncoder().encode('as it was'), await signing)).toBe(true)
      }
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

    it('tells names apart, whatever they look like', async () => {
      for (const each of VALID_NAMES) await manager.createKey(each, 'ES256')
      expect([...(await manager.listKeys())].sort()).toEqual(VALID_NAMES)
      for (const each of VALID_NAMES) expect((await manager.getKey(each))?.publicJwk.kid).toBe(each)
    })

    it('creates a deleted name anew, with another key', async () => {
      const first = await manager.createKey('again', 'ES256')
      await manager.deleteKey('again')
      const second = await manager.createKey('again', 'ES256')
      expect(await verifies(first, second).catch(() => false)).toBe(false)
      expect((await manager.getKey('again'))?.publicJwk).toEqual(second.publicJwk)
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

    it('sees what another manager of the same keys does, unless they end with the process', async () => {
      const other = await fixture.reopen?.()
      if (other === undefined) return
      const created = await other.createKey('theirs', 'ES256')
      expect((await manager.getKey('theirs'))?.publicJwk).toEqual(created.publicJwk)
      await expectRefusal(manager.createKey('theirs', 'ES256'), 'ERR_KEY_MANAGER_EXISTS')
      await manager.deleteKey('theirs')
      expect(await other.getKey('theirs')).toBe(undefined)
      expect(await other.listKeys()).toEqual([])
    })

    it(
      'lets no name stand for two keys when processes race for it, unless keys end with the process',
      async () => {
        const { otherProcess } = fixture
        if (otherProcess === undefined) return
        const others = await Promise.all(Array.from({ length: 3 }, () => OtherProcess.start(otherProcess)))
        try {
          for (let round = 0; round < 10; round++) {
            const name = `race-${round}`
            for (const other of others) other.create(name)
            const outcomes = await Promise.all(others.map((other) => other.outcome()))
            const winners = outcomes.filter(({ publicJwk }) => publicJwk !== undefined)
            const refusals = outcomes.filter(({ code }) => code === 'ERR_KEY_MANAGER_EXISTS')
            expect([...winners, ...refusals]).toHaveLength(others.length)
            if (rivalProcesses === 'one-wins') expect(winners).toHaveLength(1)
            if (winners.length > 1) await expectRefusal(manager.getKey(name), 'ERR_KEY_MANAGER_CORRUPT')
            else expect((await manager.getKey(name))?.publicJwk).toEqual(winners[0]?.publicJwk)
          }
        } finally {
          for (const other of others) await other.kill()
        }
      },
      PROCESS_TIMEOUT_MS,
    )

    it(
      'has every key that was returned before its process was killed, unless keys end with the process',
      async () => {
        const { otherProcess } = fixture
        if (otherProcess === undefined) return
        const kept = new Map<string, unknown>()
        for (let round = 0; round < 4; round++) {
          const other = await OtherProcess.start(otherProcess)
          for (let index = 0; index < 20; index++) other.create(`crash-${round}-${index}`)
          // Killed while it makes the next ones.
          for (let index = 0; index < 3 + 2 * round; index++) {
            const { name, publicJwk } = await other.outcome()
            kept.set(name, publicJwk)
          }
          for (const { name, publicJwk } of await other.kill()) if (publicJwk !== undefined) kept.set(name, publicJwk)
        }
        const reopened = await fixture.reopen?.()
        for (const [name, publicJwk] of kept) expect((await reopened?.getKey(name))?.publicJwk).toEqual(publicJwk)
        // Whatever was under way is a key or can be cleared away like one.
        const listed = (await reopened?.listKeys()) ?? []
        expect(listed).toEqual(expect.arrayContaining([...kept.keys()]))
        for (const name of listed) await reopened?.deleteKey(name)
        expect(await reopened?.listKeys()).toEqual([])
      },
      PROCESS_TIMEOUT_MS,
    )
  })
}

/** Whether what one key signs verifies under the other's public key. */
async function verifies(signer: SigningKey, other: SigningKey): Promise<boolean> {
  const data = new TextEncoder().encode('contract')
  const verifier = await nodeCrypto.importPublicJwk(other.publicJwk, other.alg)
  return verifier.verify(data, await signer.sign(data))
}
