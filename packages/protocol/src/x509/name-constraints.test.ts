import { describe, expect, it } from 'vitest'
import { DerReader } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { allowsNames, parseNameConstraints } from './name-constraints.ts'

const DNS = 0x82
const URI = 0x86
const IP = 0x87

type Subtree = readonly [tag: number, name: string]

function subtrees(tag: number, list: readonly Subtree[]): Uint8Array {
  const encoded = list.map(([form, name]) =>
    encodeElement(DerTag.sequence, encodeElement(form, new TextEncoder().encode(name))),
  )
  return list.length === 0 ? new Uint8Array() : encodeElement(tag, ...encoded)
}

function parse(permitted: readonly Subtree[], excluded: readonly Subtree[] = []) {
  const value = encodeElement(DerTag.sequence, subtrees(0xa0, permitted), subtrees(0xa1, excluded))
  return parseNameConstraints(new DerReader(value))
}

const uri = (text: string) => ({ uriSans: [text], dnsSans: [] })
const dns = (text: string) => ({ uriSans: [], dnsSans: [text] })

describe('name constraints', () => {
  it.each([
    ['the host itself', 'example.org', 'spiffe://example.org/a', true],
    ['no host below it', 'example.org', 'spiffe://a.example.org/a', false],
    ['hosts below a leading period', '.example.org', 'spiffe://a.example.org/a', true],
    ['not the host behind a leading period', '.example.org', 'spiffe://example.org/a', false],
    ['no host that merely ends alike', '.example.org', 'spiffe://badexample.org/a', false],
    ['without regard to case', 'EXAMPLE.org', 'spiffe://example.ORG/a', true],
    ['without user information and port', 'example.org', 'https://a@example.org:1/b', true],
    ['every host, when empty', '', 'spiffe://example.org/a', true],
    ['no URI without a host', '', 'urn:example:a', false],
    ['no URI with an address', '', 'https://[::1]/', false],
  ])('permits for URIs %s', (_, constraint, name, isAllowed) => {
    expect(allowsNames(parse([[URI, constraint]]), uri(name))).toBe(isAllowed)
  })

  it('excludes even what is permitted', () => {
    const constraints = parse([[URI, '.example.org']], [[URI, 'bad.example.org']])
    expect(allowsNames(constraints, uri('spiffe://good.example.org/a'))).toBe(true)
    expect(allowsNames(constraints, uri('spiffe://bad.example.org/a'))).toBe(false)
    expect(allowsNames(parse([], [[URI, 'example.org']]), uri('urn:example:a'))).toBe(false)
  })

  it('applies DNS constraints to a name and all below it', () => {
    const constraints = parse([[DNS, 'example.org']], [[DNS, 'x.example.org']])
    expect(allowsNames(constraints, dns('example.org'))).toBe(true)
    expect(allowsNames(constraints, dns('A.example.org'))).toBe(true)
    expect(allowsNames(constraints, dns('badexample.org'))).toBe(false)
    expect(allowsNames(constraints, dns('a.x.example.org'))).toBe(false)
    expect(allowsNames(parse([], [[DNS, '']]), dns('any.example'))).toBe(false)
  })

  it('leaves the other form alone', () => {
    expect(allowsNames(parse([[DNS, 'example.org']]), uri('spiffe://other/a'))).toBe(true)
    expect(allowsNames(parse([[URI, 'example.org']]), dns('other.example'))).toBe(true)
  })

  it('notices forms it cannot check', () => {
    expect(parse([[IP, '12345678']]).hasOtherForms).toBe(true)
    expect(parse([], [[IP, '12345678']]).hasOtherForms).toBe(true)
    expect(parse([[URI, 'a']], [[DNS, 'b']]).hasOtherForms).toBe(false)
  })

  it.each([
    ['nothing', encodeElement(DerTag.sequence)],
    ['an empty list', encodeElement(DerTag.sequence, encodeElement(0xa0))],
    [
      'a minimum',
      encodeElement(
        DerTag.sequence,
        encodeElement(0xa0, encodeElement(DerTag.sequence, encodeElement(URI), encodeElement(0x80, Uint8Array.of(0)))),
      ),
    ],
    ['another field', encodeElement(DerTag.sequence, subtrees(0xa0, [[URI, 'a']]), encodeElement(DerTag.null))],
  ])('refuses %s', (_, value) => {
    const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' })
    expect(() => parseNameConstraints(new DerReader(value))).toThrow(malformed)
  })
})
