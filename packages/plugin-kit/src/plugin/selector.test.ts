import { describe, expect, it } from 'vitest'
import { formatSelector, parseSelector } from './selector.ts'

describe('selectors as text', () => {
  it('split at the first colon', () => {
    expect(parseSelector('unix:path:/usr/bin/a:b')).toEqual({ type: 'unix', value: 'path:/usr/bin/a:b' })
  })

  it('survive the round trip', () => {
    expect(formatSelector(parseSelector('unix:uid:1000')!)).toBe('unix:uid:1000')
  })

  it.each(['', ':', 'unix', 'unix:', ':uid', 'unix'])('%j is no selector', (text) => {
    expect(parseSelector(text)).toBe(undefined)
  })
})
