import type { ReplayMemory } from '@countersign/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** One empty memory. */
export interface ReplayMemoryFixture {
  readonly memory: ReplayMemory
  /** Another replica's view of the same memory. Absent when the memory is one process's own. */
  readonly replica?: ReplayMemory
  /** Proofs that one sender may have in use in this memory. Absent when there is no such bound. */
  readonly senderCapacity?: number
  readonly dispose?: () => void | Promise<void>
}

const NOW = 1_800_000_000
const SENDER = 'spiffe://example.org/caller'

/** The contract of `ReplayMemory`: call it in a test file. */
export function describeReplayMemory(
  name: string,
  factory: () => ReplayMemoryFixture | Promise<ReplayMemoryFixture>,
): void {
  describe(`${name} keeps the replay memory contract`, () => {
    let fixture: ReplayMemoryFixture
    let memory: ReplayMemory

    beforeEach(async () => {
      fixture = await factory()
      memory = fixture.memory
    })
    afterEach(() => fixture.dispose?.())

    it('takes a proof once', async () => {
      expect(await memory.remember('a', NOW + 60, NOW, SENDER)).toBe('fresh')
      expect(await memory.remember('a', NOW + 60, NOW, SENDER)).toBe('replayed')
      expect(await memory.remember('a', NOW + 120, NOW + 1, SENDER)).toBe('replayed')
      expect(await memory.remember('b', NOW + 60, NOW, SENDER)).toBe('fresh')
    })

    it('takes a proof once that names no sender', async () => {
      expect(await memory.remember('a', NOW + 60, NOW)).toBe('fresh')
      expect(await memory.remember('a', NOW + 60, NOW)).toBe('replayed')
      expect(await memory.remember('b', NOW + 60, NOW)).toBe('fresh')
    })

    it('tells senders apart, whatever they are called', async () => {
      const senders = [SENDER, `${SENDER}/`, '', '*', 'a:b', 'é', '\n', 'x'.repeat(3000)]
      for (const [index, sender] of senders.entries()) {
        expect(await memory.remember(`key ${index}`, NOW + 60, NOW, sender)).toBe('fresh')
        expect(await memory.remember(`key ${index}`, NOW + 60, NOW, sender)).toBe('replayed')
      }
    })

    it('tells keys apart, whatever is in them', async () => {
      const keys = ['', ' ', 'a', 'A', 'a ', '\0', 'a\r\nb', 'é', 'e\u0301', 'k'.repeat(3000)]
      for (const key of keys) expect(await memory.remember(key, NOW + 60, NOW, SENDER)).toBe('fresh')
      for (const key of keys) expect(await memory.remember(key, NOW + 60, NOW, SENDER)).toBe('replayed')
    })

    it('lets one of many concurrent uses of a proof win', async () => {
      const views = [memory, fixture.replica ?? memory]
      const uses = Array.from({ length: 50 }, (_, index) => views[index % 2]?.remember('a', NOW + 60, NOW, SENDER))
      const answers = await Promise.all(uses)
      expect(answers.filter((answer) => answer === 'fresh')).toHaveLength(1)
      expect(answers.filter((answer) => answer === 'replayed')).toHaveLength(49)
    })

    it('loses none of many different proofs', async () => {
      const uses = () => Array.from({ length: 50 }, (_, index) => memory.remember(`${index}`, NOW + 60, NOW, 'many'))
      const most = Math.min(50, fixture.senderCapacity ?? 50)
      const first = await Promise.all(uses())
      expect(first.filter((answer) => answer === 'fresh')).toHaveLength(most)
      const second = await Promise.all(uses())
      expect(second.filter((answer) => answer === 'replayed')).toHaveLength(most)
      expect(second).not.toContain('fresh')
    })

    it('is the same for every replica', async () => {
      const { replica } = fixture
      if (replica === undefined) return
      expect(await memory.remember('a', NOW + 60, NOW, SENDER)).toBe('fresh')
      expect(await replica.remember('a', NOW + 60, NOW, SENDER)).toBe('replayed')
      // A clock that is behind is no way in.
      expect(await replica.remember('a', NOW + 60, NOW - 20, SENDER)).toBe('replayed')
      expect(await replica.remember('b', NOW + 60, NOW, SENDER)).toBe('fresh')
      expect(await memory.remember('b', NOW + 60, NOW, SENDER)).toBe('replayed')
    })

    it('does not take a proof again by an earlier time, when others came meanwhile', async () => {
      expect(await memory.remember('a', NOW + 60, NOW, SENDER)).toBe('fresh')
      // As many as a sender may have, so that a memory that forgets in parts has looked at all of them.
      for (let index = 0; index < 20; index++) {
        await memory.remember(`late ${index}`, NOW + 200, NOW + 100, SENDER)
        await memory.remember(`later ${index}`, NOW + 200, NOW + 100, `other ${index}`)
      }
      expect(await memory.remember('a', NOW + 60, NOW + 59, SENDER)).toBe('replayed')
    })

    it('lets no sender use up the memory of all', async () => {
      const { senderCapacity } = fixture
      if (senderCapacity === undefined) return
      for (let index = 0; index < senderCapacity; index++) {
        expect(await memory.remember(`${index}`, NOW + 60, NOW, 'loud')).toBe('fresh')
      }
      expect(await memory.remember('more', NOW + 60, NOW, 'loud')).toBe('full')
      expect(await memory.remember('0', NOW + 60, NOW, 'loud')).toBe('replayed')
      expect(await memory.remember('other', NOW + 60, NOW, 'quiet')).toBe('fresh')
    })

    it.each([
      [Number.NaN, NOW],
      [NOW + 60, Number.NaN],
      [NOW + 60, Number.POSITIVE_INFINITY],
      [Number.POSITIVE_INFINITY, NOW],
    ])('refuses the times %s, %s', async (expiresAt, now) => {
      await expect((async () => memory.remember('a', expiresAt, now, SENDER))()).rejects.toThrow(TypeError)
      expect(await memory.remember('a', NOW + 60, NOW, SENDER)).toBe('fresh')
    })
  })
}
