import { describe, expect, it } from 'vitest'
import { checkDnsNames } from './dns-name.ts'

const refused = expect.objectContaining({ code: 'ERR_CERTIFICATE_DNS_NAME' })

describe('checkDnsNames', () => {
  it.each([['localhost'], ['a.b-c.example'], ['xn--mller-kva.example'], [`${'a'.repeat(63)}.example`], ['1.example']])(
    'accepts %s',
    (name) => {
      expect(() => checkDnsNames([name])).not.toThrow()
    },
  )

  it.each([
    '',
    'Example.org',
    'example.org.',
    '.example.org',
    'a..b',
    '-a.example',
    'a-.example',
    'a_b.example',
    'a b.example',
    'a\u0000.example',
    'müller.example',
    'example.org:443',
    'spiffe://example.org',
    '10.0.0.1',
    'a.1',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(126)}ab`,
    '*.example.org',
    'a.*.example.org',
    '*',
  ])('refuses "%s"', (name) => {
    expect(() => checkDnsNames([name])).toThrow(refused)
  })

  it('accepts a wildcard only where it is allowed, and only as a whole left-most label', () => {
    expect(() => checkDnsNames(['*.example.org'], { allowWildcard: true })).not.toThrow()
    for (const name of ['*', '*.org', 'a*.example.org', '*.*.example.org', 'a.*.example.org']) {
      expect(() => checkDnsNames([name], { allowWildcard: true })).toThrow(refused)
    }
  })

  it('refuses a name given twice, and more than 64', () => {
    expect(() => checkDnsNames(['a.example', 'a.example'])).toThrow(refused)
    const names = Array.from({ length: 65 }, (_, index) => `h${index}.example`)
    expect(() => checkDnsNames(names)).toThrow(refused)
    expect(() => checkDnsNames(names.slice(1))).not.toThrow()
  })
})
