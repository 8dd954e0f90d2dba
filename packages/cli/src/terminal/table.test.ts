import { describe, expect, it } from 'vitest'
import { formatFields, formatTable } from './table.ts'

describe('formatTable', () => {
  it('aligns columns without borders, with one line per item of a cell', () => {
    const table = formatTable(
      ['id', 'selectors'],
      [
        ['a', ['unix:uid:1', 'unix:gid:2']],
        ['bcd', ['unix:uid:3']],
      ],
      false,
    )
    expect(table).toBe(['ID   SELECTORS', 'a    unix:uid:1', '     unix:gid:2', 'bcd  unix:uid:3'].join('\n'))
  })

  it('makes hostile cells harmless', () => {
    expect(formatTable(['id'], [['\u001b[2Jx']], false)).toBe('ID\n\\u{1b}[2Jx')
  })

  it('sets headings in bold on request only', () => {
    expect(formatTable(['id'], [['a']], true)).toContain('\u001b[1mID\u001b[22m')
    expect(formatTable(['id'], [['a']], false)).not.toContain('\u001b')
  })
})

describe('formatFields', () => {
  it('puts names left and further lines of a value below it', () => {
    expect(
      formatFields([
        ['id', 'a'],
        ['chain', ['one', 'two']],
      ]),
    ).toBe(['id     a', 'chain  one', '       two'].join('\n'))
  })
})
