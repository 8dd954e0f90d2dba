import { formatSelector, parseSelector, type Selector } from '@countersign/plugin-kit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entry } from '../test-support/fake-server.ts'
import { EntryIndex } from './entry-index.ts'

const NOW = 1_700_000_000
const select = (...texts: string[]): Selector[] => texts.map((text) => parseSelector(text)!)
const match = (index: EntryIndex, ...texts: string[]) => index.match(select(...texts), NOW).map(({ id }) => id)

describe('EntryIndex', () => {
  it('matches an entry only when the process has all of its selectors', () => {
    const index = new EntryIndex([entry('e', '/e', { selectors: select('unix:uid:1', 'unix:path:/bin/a') })])
    expect(match(index, 'unix:uid:1', 'unix:path:/bin/a', 'unix:gid:9')).toEqual(['e'])
    expect(match(index, 'unix:uid:1')).toEqual([])
    expect(match(index, 'unix:path:/bin/a', 'unix:uid:2')).toEqual([])
    expect(match(index)).toEqual([])
  })

  it('does not confuse a type and a value that look alike when written together', () => {
    const index = new EntryIndex([entry('e', '/e', { selectors: [{ type: 'a', value: 'b:c' }] })])
    expect(index.match([{ type: 'a', value: 'b:c' }], NOW)).toHaveLength(1)
    expect(index.match([{ type: 'a', value: 'b' }], NOW)).toHaveLength(0)
  })

  it('matches no process with an entry that has no selectors', () => {
    const index = new EntryIndex([entry('e', '/e', { selectors: [] })])
    expect(match(index, 'unix:uid:1')).toEqual([])
  })

  it('orders by age and then by id, whatever order the entries came in', () => {
    const entries = [
      entry('b', '/b', { createdAt: 2 }),
      entry('a', '/a', { createdAt: 2 }),
      entry('z', '/z', { createdAt: 1 }),
    ]
    expect(match(new EntryIndex(entries), 'test:all')).toEqual(['z', 'a', 'b'])
    expect(match(new EntryIndex(entries.toReversed()), 'test:all')).toEqual(['z', 'a', 'b'])
  })

  it('leaves out entries from the moment they expire', () => {
    const index = new EntryIndex([entry('e', '/e', { expiresAt: NOW })])
    expect(index.match(select('test:all'), NOW)).toHaveLength(0)
    expect(index.match(select('test:all'), NOW - 1)).toHaveLength(1)
    expect(index.nextExpiry(index.entries)).toBe(NOW)
    expect(index.nextExpiry([entry('e', '/e')])).toBe(Number.POSITIVE_INFINITY)
  })

  it('finds what a plain search finds', () => {
    const selector = fc.constantFrom('t:a', 't:b', 't:c', 't:d').map((text) => parseSelector(text)!)
    const selectors = fc.uniqueArray(selector, { selector: formatSelector, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(selectors, { maxLength: 12 }), selectors, (lists, own) => {
        const entries = lists.map((list, index) =>
          entry(`e${index}`, `/e${index}`, { selectors: list, createdAt: index }),
        )
        const has = new Set(own.map(formatSelector))
        const expected = entries.filter(
          (each) => each.selectors.length > 0 && each.selectors.every((wanted) => has.has(formatSelector(wanted))),
        )
        expect(new EntryIndex(entries).match(own, NOW).map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
      }),
    )
  })

  it('keeps what says the same as the same object, and is itself when nothing differs', () => {
    const index = new EntryIndex([entry('a', '/a'), entry('b', '/b')])
    expect(index.replacedBy([entry('b', '/b'), entry('a', '/a')])).toBe(index)
    const next = index.replacedBy([entry('a', '/a'), entry('b', '/c')])
    expect([next.entries[0] === index.entries[0], next.entries[1] === index.entries[1]]).toEqual([true, false])
  })

  it('finds after small and large changes what one that is made anew finds', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const version = fc.record({ id: fc.integer({ min: 0, max: 120 }), selectors: fc.subarray(names, { minLength: 1 }) })
    const lists = fc.array(fc.array(version, { maxLength: 4 }), { maxLength: 6 })
    fc.assert(
      fc.property(lists, fc.subarray(names), (changes, process) => {
        const toEntry = (id: number, selectors: readonly string[]) =>
          entry(`e${id}`, `/e${id}`, { selectors: select(...selectors.map((name) => `test:${name}`)) })
        const wanted = new Map(
          names.flatMap((name, index) => Array.from({ length: 20 }, (_, each) => [index * 20 + each, [name]])),
        )
        let index = new EntryIndex([...wanted].map(([id, selectors]) => toEntry(id, selectors)))
        for (const change of changes) {
          // Each change also takes one away.
          wanted.delete(change[0]?.id ?? 0)
          for (const { id, selectors } of change.slice(1)) wanted.set(id, selectors)
          const entries = [...wanted].map(([id, selectors]) => toEntry(id, selectors))
          index = index.replacedBy(entries)
          const fresh = new EntryIndex(entries)
          const texts = process.map((name) => `test:${name}`)
          expect(match(index, ...texts)).toEqual(match(fresh, ...texts))
          expect(index.entries).toEqual(fresh.entries)
        }
      }),
      { numRuns: 50 },
    )
  })
})
