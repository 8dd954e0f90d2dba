import { expectCode } from '@countersign/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_IDENTIFIER_BYTES, parseOrigin, spiffeId, WorkloadId } from './workload-id.ts'

/** The same rules written down a second time, as one expression each. */
const SPIFFE = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[a-zA-Z0-9._-]+)+$/
const WIMSE =
  /^wimse:\/\/(?!\d{1,3}(?:\.\d{1,3}){3}\/)[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[a-zA-Z0-9._~!$&'()*+,;=:@-]+)+$/

const longest = `spiffe://a/${'b'.repeat(MAX_IDENTIFIER_BYTES - 11)}`

describe('WorkloadId.parse', () => {
  it('takes an identifier apart', () => {
    const id = WorkloadId.parse('spiffe://example.org/ns/db')
    expect({ ...id }).toEqual({
      scheme: 'spiffe',
      trustDomain: 'example.org',
      path: '/ns/db',
      origin: 'spiffe://example.org',
    })
    expect(id.toString()).toBe('spiffe://example.org/ns/db')
    expect(JSON.stringify({ id })).toBe('{"id":"spiffe://example.org/ns/db"}')
  })

  it.each([
    ['the longest allowed', longest],
    ['every kind of character of a SPIFFE segment', 'spiffe://a/azAZ09._-'],
    ['dots that are no relative segment', 'spiffe://a/.../..b/c..'],
    ['every kind of character of a WIMSE segment', "wimse://a/az09._~!$&'()*+,;=:@-"],
    ['a SPIFFE trust domain that looks like an address', 'spiffe://10.0.0.1/a'],
    ['path case', 'spiffe://a/B'],
  ])('accepts %s', (_, text) => {
    expect(WorkloadId.parse(text).toString()).toBe(text)
  })

  it.each([
    ['one byte too many', `${longest}b`, 'ERR_IDENTIFIER_TOO_LONG'],
    ['nothing', '', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a relative reference', '//example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a scheme without an authority', 'spiffe:example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['one slash before the authority', 'spiffe:/example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a space in front', ' spiffe://example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a scheme that begins with a digit', '1spiffe://example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['a missing scheme', '://example.org/a', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['another scheme', 'https://example.org/a', 'ERR_IDENTIFIER_SCHEME'],
    ['a scheme with ours in front', 'spiffes://example.org/a', 'ERR_IDENTIFIER_SCHEME'],
    ['an upper case scheme', 'SPIFFE://example.org/a', 'ERR_IDENTIFIER_NOT_CANONICAL'],
    ['a mixed case scheme', 'Wimse://example.org/a', 'ERR_IDENTIFIER_NOT_CANONICAL'],
    ['an upper case trust domain', 'spiffe://Example.org/a', 'ERR_IDENTIFIER_NOT_CANONICAL'],
    ['an empty trust domain', 'spiffe:///a', 'ERR_IDENTIFIER_TRUST_DOMAIN'],
    ['a long trust domain', `spiffe://${'a'.repeat(256)}/a`, 'ERR_IDENTIFIER_TRUST_DOMAIN'],
    ['percent-encoding in the trust domain', 'spiffe://example%2eorg/a', 'ERR_IDENTIFIER_TRUST_DOMAIN'],
    ['an IPv6 address', 'spiffe://[::1]/a', 'ERR_IDENTIFIER_TRUST_DOMAIN'],
    ['an IPv4 address', 'wimse://127.0.0.1/a', 'ERR_IDENTIFIER_TRUST_DOMAIN'],
    ['user information', 'spiffe://user@example.org/a', 'ERR_IDENTIFIER_USERINFO'],
    ['empty user information', 'spiffe://@example.org/a', 'ERR_IDENTIFIER_USERINFO'],
    ['user information with a password', 'spiffe://u:p@example.org/a', 'ERR_IDENTIFIER_USERINFO'],
    ['a port', 'spiffe://example.org:8080/a', 'ERR_IDENTIFIER_PORT'],
    ['an empty port', 'spiffe://example.org:/a', 'ERR_IDENTIFIER_PORT'],
    ['a query', 'spiffe://example.org/a?b', 'ERR_IDENTIFIER_QUERY'],
    ['an empty query', 'spiffe://example.org/a?', 'ERR_IDENTIFIER_QUERY'],
    ['a query in place of a path', 'spiffe://example.org?a', 'ERR_IDENTIFIER_QUERY'],
    ['a fragment', 'spiffe://example.org/a#b', 'ERR_IDENTIFIER_FRAGMENT'],
    ['an empty fragment', 'spiffe://example.org/a#', 'ERR_IDENTIFIER_FRAGMENT'],
    ['no path', 'spiffe://example.org', 'ERR_IDENTIFIER_PATH_MISSING'],
    ['the root path', 'spiffe://example.org/', 'ERR_IDENTIFIER_PATH_MISSING'],
    ['a trailing slash', 'spiffe://example.org/a/', 'ERR_IDENTIFIER_PATH'],
    ['two slashes', 'spiffe://example.org/a//b', 'ERR_IDENTIFIER_PATH'],
    ['two slashes in front', 'spiffe://example.org//a', 'ERR_IDENTIFIER_PATH'],
    ['a dot segment', 'spiffe://example.org/a/./b', 'ERR_IDENTIFIER_PATH'],
    ['a parent segment', 'wimse://example.org/a/..', 'ERR_IDENTIFIER_PATH'],
    ['percent-encoding, SPIFFE', 'spiffe://example.org/%61', 'ERR_IDENTIFIER_PATH'],
    ['percent-encoding, WIMSE', 'wimse://example.org/%61', 'ERR_IDENTIFIER_PATH'],
    ['a tilde, SPIFFE', 'spiffe://example.org/~a', 'ERR_IDENTIFIER_PATH'],
    ['a letter outside ASCII', 'wimse://example.org/é', 'ERR_IDENTIFIER_PATH'],
    ['a backslash', 'wimse://example.org/a\\b', 'ERR_IDENTIFIER_PATH'],
    ['a line end', 'spiffe://example.org/a\n', 'ERR_IDENTIFIER_PATH'],
    ['a NUL', 'spiffe://example.org/a\0', 'ERR_IDENTIFIER_PATH'],
  ])('refuses %s', async (_, text, code) => {
    await expectCode(() => WorkloadId.parse(text), code)
  })

  it('accepts exactly what the rules, written a second time, accept', () => {
    const piece = fc.constantFrom(
      ...[
        'spiffe',
        'wimse',
        'Spiffe',
        ':',
        '//',
        '/',
        'example.org',
        'a',
        'Z',
        '0',
        '.',
        '..',
        '~',
        '@',
        '?',
        '#',
        '%61',
      ],
      ...['127.0.0.1', '_', '-', '[', ']', ' ', '\n', 'é', '!', "'"],
    )
    const mostlyRight = fc
      .tuple(fc.constantFrom('spiffe://', 'wimse://'), piece, fc.constant('/'), fc.array(piece, { maxLength: 6 }))
      .map(([scheme, domain, slash, rest]) => scheme + domain + slash + rest.join(''))
    const anything = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(fc.oneof(mostlyRight, anything, fc.string()), (text) => {
        let parsed: string | undefined
        try {
          parsed = WorkloadId.parse(text).toString()
        } catch {
          parsed = undefined
        }
        expect(parsed).toBe(SPIFFE.test(text) || WIMSE.test(text) ? text : undefined)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('WorkloadId', () => {
  it('is equal only where the whole text is', () => {
    const id = WorkloadId.parse('spiffe://example.org/a')
    expect(id.equals(WorkloadId.parse('spiffe://example.org/a'))).toBe(true)
    expect(id.equals(WorkloadId.parse('wimse://example.org/a'))).toBe(false)
    expect(id.equals(WorkloadId.parse('spiffe://example.org/A'))).toBe(false)
  })

  it('is built from trust domain and path by the same rules', async () => {
    expect(spiffeId('example.org', '/a').toString()).toBe('spiffe://example.org/a')
    await expectCode(() => spiffeId('example.org', ''), 'ERR_IDENTIFIER_PATH_MISSING')
    await expectCode(() => spiffeId('example.org', '/../a'), 'ERR_IDENTIFIER_PATH')
  })

  it('cannot be built across the border between trust domain and path', async () => {
    await expectCode(() => spiffeId('example.org', '.evil/a'), 'ERR_IDENTIFIER_PATH')
    await expectCode(() => spiffeId('example.org/x', '/a'), 'ERR_IDENTIFIER_TRUST_DOMAIN')
    await expectCode(() => spiffeId('', 'example.org/a'), 'ERR_IDENTIFIER_TRUST_DOMAIN')
  })
})

describe('parseOrigin', () => {
  it('reads scheme and trust domain', () => {
    expect(parseOrigin('wimse://example.org')).toEqual({ scheme: 'wimse', trustDomain: 'example.org' })
  })

  it.each([
    ['a path', 'spiffe://example.org/a', 'ERR_IDENTIFIER_PATH'],
    ['a trailing slash', 'spiffe://example.org/', 'ERR_IDENTIFIER_PATH'],
    ['a bare trust domain', 'example.org', 'ERR_IDENTIFIER_NOT_ABSOLUTE'],
    ['an upper case trust domain', 'spiffe://Example.org', 'ERR_IDENTIFIER_NOT_CANONICAL'],
    ['too many bytes', `spiffe://${'a'.repeat(MAX_IDENTIFIER_BYTES)}`, 'ERR_IDENTIFIER_TOO_LONG'],
  ])('refuses %s', async (_, text, code) => {
    await expectCode(() => parseOrigin(text), code)
  })
})
