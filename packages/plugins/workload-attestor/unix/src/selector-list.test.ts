import { describe, expect, it } from 'vitest'
import { SelectorList } from './selector-list.ts'

function collect(add: (list: SelectorList) => void) {
  const omitted: string[] = []
  const list = new SelectorList((selector, reason) => void omitted.push(`${selector}: ${reason}`))
  add(list)
  return { values: list.toSelectors().map((selector) => selector.value), omitted }
}

describe('SelectorList', () => {
  it('holds every selector once, in order', () => {
    const { values } = collect((list) => {
      list.add('uid', 5)
      list.add('gid', 5)
      list.add('uid', 5)
    })
    expect(values).toEqual(['uid:5', 'gid:5'])
  })

  it('holds selectors of up to 4096 characters', () => {
    const longest = `/${'a'.repeat(4096 - 'path:/'.length)}`
    expect(collect((list) => list.add('path', longest))).toEqual({ values: [`path:${longest}`], omitted: [] })
    expect(collect((list) => list.add('path', `${longest}a`))).toEqual({
      values: [],
      omitted: ['path: longer than 4096 characters'],
    })
  })

  it.each(['\n', '\0', '\u001b', '\u007f', '\u0085'])('holds no control character such as %j', (character) => {
    expect(collect((list) => list.add('path', `/a${character}b`))).toEqual({
      values: [],
      omitted: ['path: holds control characters'],
    })
  })
})
