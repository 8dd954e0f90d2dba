import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { parseTrustDomain } from './trust-domain.ts'

describe('parseTrustDomain', () => {
  it.each(['example.org', 'a', 'a_b-c.9', '-', '..', 'a'.repeat(255), '10.0.0.1'])('accepts %s', (name) => {
    expect(parseTrustDomain(name)).toBe(name)
  })

  it.each([
    ['an empty name', ''],
    ['256 bytes', 'a'.repeat(256)],
    ['a space', 'a b'],
    ['a slash', 'a/b'],
    ['a port', 'a:1'],
    ['percent-encoding', 'a%2eb'],
    ['a letter outside ASCII', 'é'],
    ['a line end', 'example.org\n'],
    ['an upper case letter next to a forbidden character', 'A b'],
  ])('refuses %s', async (_, name) => {
    await expectCode(() => parseTrustDomain(name), 'ERR_IDENTIFIER_TRUST_DOMAIN')
  })

  it('says so when only upper case is wrong', async () => {
    await expectCode(() => parseTrustDomain('Example.org'), 'ERR_IDENTIFIER_NOT_CANONICAL')
  })

  it('refuses an IPv4 address for wimse only', async () => {
    await expectCode(() => parseTrustDomain('10.0.0.1', 'wimse'), 'ERR_IDENTIFIER_TRUST_DOMAIN')
    expect(parseTrustDomain('10.0.0.1.example', 'wimse')).toBe('10.0.0.1.example')
    expect(parseTrustDomain('10.0.0', 'wimse')).toBe('10.0.0')
  })
})
