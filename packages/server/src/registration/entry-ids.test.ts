import { nodeCrypto } from '@countersign/protocol/keys-node'
import { FakeClock } from '@countersign/testing'
import { expect, it } from 'vitest'
import { EntryIds } from './entry-ids.ts'

it('sort in the order in which they were made, within a second and from one to the next', async () => {
  const clock = new FakeClock()
  const ids = new EntryIds(clock, nodeCrypto)
  const made: string[] = []
  for (let second = 0; second < 3; second++) {
    for (let count = 0; count < 300; count++) made.push(ids.next())
    clock.jump(1)
  }
  expect([...made].sort()).toEqual(made)
  expect(new Set(made).size).toBe(900)
  expect(made.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true)
})

it('cannot be guessed from one another', () => {
  const clock = new FakeClock()
  const random = () => new EntryIds(clock, nodeCrypto).next().slice(14)
  expect(random()).not.toBe(random())
})
