import { describe, expect, it } from 'vitest'
import { printable } from './printable.ts'

describe('printable', () => {
  it('leaves ordinary text of any script alone', () => {
    expect(printable('spiffe://example.org/größe 漢字')).toBe('spiffe://example.org/größe 漢字')
  })

  it.each([
    ['\u001b[2J', '\\u{1b}[2J'],
    ['a\nb', 'a\\u{a}b'],
    ['\u009b31m', '\\u{9b}31m'],
    ['user\u202etxt.exe', 'user\\u{202e}txt.exe'],
    ['zero\u200bwidth', 'zero\\u{200b}width'],
  ])('writes what a terminal acts on as a number: %j', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })
})
