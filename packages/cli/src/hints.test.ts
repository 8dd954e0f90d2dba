import { describe, expect, it } from 'vitest'
import { hintFor } from './hints.ts'

describe('hintFor', () => {
  it('prefers the line of the code to that of its area', () => {
    expect(hintFor('ERR_CONFIG_NOT_FOUND')).toContain('--config')
    expect(hintFor('ERR_CONFIG_SOMETHING_NEW')).toContain('`validate`')
  })

  it('has no advice for a code it does not know', () => {
    expect(hintFor('ERR_REGISTRATION_EXISTS')).toBe(undefined)
    expect(hintFor('constructor')).toBe(undefined)
  })
})
