import type { Selector } from '@countersign/api'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EntryRecord } from './entry-record.ts'
import { NodeAliases } from './node-aliases.ts'

const NAMES = ['a', 'b', 'c', 'd'] as const
const selectors = (names: readonly string[]): Selector[] => names.map((value) => ({ type: 'test', value }))

function alias(id: string, names: readonly string[], path = id, expiresAt?: number): EntryRecord {
  return {
    ...{ id, revision: 1, json: '', federatesWith: [], expiresAt, spiffeId: `spiffe://example.org/${path}` },
    parentId: 'spiffe://example.org/countersign/server',
    aliasSelectors: names.map((name) => `test:${name}`),
  }
}

describe('NodeAliases', () => {
  it('stands for nodes that have all selectors, whichever came first', () => {
    const aliases = new NodeAliases()
    aliases.putNode('one', selectors(['a', 'b', 'c']), 1)
    expect(aliases.addAlias(alias('both', ['a', 'b']), 2)).toEqual(['one'])
    aliases.putNode('two', selectors(['b', 'a']), 3)
    aliases.putNode('three', selectors(['a']), 4)
    expect([...aliases.agentsBelow('spiffe://example.org/both')]).toEqual(['one', 'two'])
    expect(aliases.parentsOf('three')).toEqual(['three'])
    expect([...aliases.agentsBelow('three')]).toEqual(['three'])
  })

  it('keeps the alias of several entries until the last of them is gone', () => {
    const aliases = new NodeAliases()
    aliases.putNode('one', selectors(['a', 'b']), 1)
    aliases.addAlias(alias('first', ['a'], 'hosts'), 2)
    expect(aliases.addAlias(alias('second', ['b'], 'hosts'), 3)).toEqual([])
    expect(aliases.removeAlias('first', 4)).toEqual([])
    expect(aliases.isBelow('one', 'spiffe://example.org/hosts', 0)).toBe(true)
    expect(aliases.removeAlias('second', 5)).toEqual(['one'])
    expect(aliases.isBelow('one', 'spiffe://example.org/hosts', 0)).toBe(false)
    expect(aliases.parentsSince('one')).toBe(5)
  })

  it('does not hold for an alias that is over, even before it is removed', () => {
    const aliases = new NodeAliases()
    aliases.putNode('one', selectors(['a']), 1)
    aliases.addAlias(alias('hosts', ['a'], 'hosts', 100), 2)
    expect([99, 100].map((now) => aliases.isBelow('one', 'spiffe://example.org/hosts', now))).toEqual([true, false])
  })

  it('knows nothing of a node that was evicted, and what it has now of one that attested again', () => {
    const aliases = new NodeAliases()
    aliases.addAlias(alias('hosts', ['a']), 1)
    aliases.putNode('one', selectors(['a']), 2)
    aliases.putNode('one', selectors(['b']), 3)
    expect([aliases.parentsOf('one'), aliases.parentsSince('one')]).toEqual([['one'], 3])
    aliases.removeNode('one')
    expect([aliases.parentsOf('one'), aliases.parentsSince('one')]).toEqual([['one'], Number.POSITIVE_INFINITY])
  })

  it('finds what comparing all with all finds, after any steps', () => {
    const someNames = fc.subarray([...NAMES])
    const step = fc.oneof(
      fc.record({ do: fc.constant('node' as const), id: fc.constantFrom('n1', 'n2', 'n3'), names: someNames }),
      fc.record({ do: fc.constant('gone' as const), id: fc.constantFrom('n1', 'n2', 'n3') }),
      fc.record({
        ...{ do: fc.constant('alias' as const), id: fc.constantFrom('e1', 'e2', 'e3', 'e4') },
        ...{ path: fc.constantFrom('x', 'y'), names: fc.subarray([...NAMES], { minLength: 1 }) },
      }),
      fc.record({ do: fc.constant('unalias' as const), id: fc.constantFrom('e1', 'e2', 'e3', 'e4') }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const aliases = new NodeAliases()
        const nodes = new Map<string, readonly string[]>()
        const entries = new Map<string, EntryRecord>()
        for (const [revision, each] of steps.entries()) {
          if (each.do === 'node') {
            nodes.set(each.id, each.names)
            aliases.putNode(each.id, selectors(each.names), revision)
          } else if (each.do === 'gone') {
            nodes.delete(each.id)
            aliases.removeNode(each.id)
          } else if (each.do === 'unalias') {
            entries.delete(each.id)
            aliases.removeAlias(each.id, revision)
          } else if (!entries.has(each.id)) {
            const record = alias(each.id, each.names, each.path)
            entries.set(each.id, record)
            aliases.addAlias(record, revision)
          }
        }
        for (const [id, names] of nodes) {
          const wanted = [...entries.values()].filter(({ aliasSelectors = [] }) =>
            aliasSelectors.every((selector) => names.includes(selector.slice(5))),
          )
          const expected = [...new Set(wanted.map(({ spiffeId }) => spiffeId))].sort()
          expect(aliases.parentsOf(id)).toEqual([id, ...expected])
          for (const spiffeId of expected) expect([...aliases.agentsBelow(spiffeId)]).toContain(id)
        }
      }),
    )
  })
})
