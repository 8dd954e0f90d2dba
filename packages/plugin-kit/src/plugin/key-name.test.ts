import { describe, expect, it } from 'vitest'
import { isKeyName, requireKeyName } from './key-name.ts'

describe('requireKeyName', () => {
  it.each(['a', '0', 'x509-ca-2', 'jwt.1_b', 'a'.repeat(128)])('accepts %s', (name) => {
    expect(requireKeyName(name)).toBe(name)
  })

  it.each([
    '',
    '.',
    '..',
    '.a',
    '-a',
    '_a',
    'A',
    'aB',
    'a/b',
    '../a',
    'a\\b',
    'a\0',
    'a\n',
    'a b',
    'é',
    'a'.repeat(129),
  ])('refuses %j', (name) => {
    expect(isKeyName(name)).toBe(false)
    expect(() => requireKeyName(name)).toThrow(
      expect.objectContaining({ name: 'KeyManagerError', code: 'ERR_KEY_MANAGER_NAME' }),
    )
  })
})
