import { describe, expect, it } from 'vitest'
import { RecentChanges } from './recent-changes.ts'

function filled(count: number) {
  const changes = new RecentChanges(100, 4)
  for (let index = 1; index <= count; index++)
    changes.push({ revision: 100 + 2 * index, entryId: `${index}`, parents: [] })
  return (revision: number) => changes.since(revision)?.map(({ entryId }) => entryId)
}

describe('RecentChanges', () => {
  it('tells what came after a revision, oldest first', () => {
    const since = filled(3)
    expect([since(100), since(102), since(103), since(106), since(500)]).toEqual([
      ['1', '2', '3'],
      ['2', '3'],
      ['2', '3'],
      [],
      [],
    ])
  })

  it('says when it does not know all any more', () => {
    const since = filled(6)
    expect([since(99), since(102), since(103), since(104), since(110)]).toEqual([
      undefined,
      undefined,
      undefined,
      ['3', '4', '5', '6'],
      ['6'],
    ])
    expect(filled(0)(99)).toBe(undefined)
  })
})
