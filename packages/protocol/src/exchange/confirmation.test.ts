import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { type Confirmation, formatConfirmation, isProven, parseConfirmation } from './confirmation.ts'

const THUMBPRINT = `${'A'.repeat(42)}E`

describe('parseConfirmation', () => {
  it.each(['jkt', 'x5t#S256'] as const)('reads %s', (kind) => {
    const confirmation: Confirmation = { kind, thumbprint: THUMBPRINT }
    expect(parseConfirmation({ cnf: formatConfirmation(confirmation) })).toEqual(confirmation)
  })

  it('takes a token without it for a bearer token', () => {
    expect(parseConfirmation({})).toBe(undefined)
  })

  it.each([
    ['a text', 'jkt'],
    ['a list', [{ jkt: THUMBPRINT }]],
    ['nothing in it', {}],
    ['null', null],
    ['a way that is not known', { kid: 'a' }],
    ['two keys', { jkt: THUMBPRINT, 'x5t#S256': THUMBPRINT }],
    ['a thumbprint that is too short', { jkt: 'AAAA' }],
    ['a thumbprint that is no base64url', { jkt: `${THUMBPRINT.slice(0, 42)}+` }],
    ['a thumbprint that is no text', { jkt: 1 }],
  ])('refuses %s', async (_, cnf) => {
    await expectCode(() => parseConfirmation({ cnf }), 'ERR_CREDENTIAL_CONFIRMATION')
  })
})

describe('isProven', () => {
  it('asks for a proof of the same kind', () => {
    const proven = { jkt: new Set([THUMBPRINT]), x5t: new Set<string>() }
    expect(isProven({ kind: 'jkt', thumbprint: THUMBPRINT }, proven)).toBe(true)
    expect(isProven({ kind: 'x5t#S256', thumbprint: THUMBPRINT }, proven)).toBe(false)
    expect(isProven({ kind: 'jkt', thumbprint: 'other' }, proven)).toBe(false)
  })
})
