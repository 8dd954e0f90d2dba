import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { parseDuration } from './parse-duration.ts'
import { collectTrustDomain, parseIdentifier } from './parse-identifier.ts'
import { parsePid } from './parse-pid.ts'
import { collectSelector } from './parse-selector.ts'
import { parseTime } from './parse-time.ts'

describe('parseDuration', () => {
  it.each([
    ['600', 600],
    ['45s', 45],
    ['10m', 600],
    ['1h', 3_600],
    ['7d', 604_800],
  ])('reads %s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it.each(['0', '-1', '1.5', '1w', '', 'h', '10 m', '0x10', '9999999999'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(InvalidArgumentError)
  })
})

describe('parsePid', () => {
  it('reads the number of a process, and nothing else', () => {
    expect([parsePid('1'), parsePid('4194304')]).toEqual([1, 4_194_304])
    for (const text of ['0', '-1', '', '1.5', '0x10', '01', ' 1', '4194305']) {
      expect(() => parsePid(text)).toThrow(InvalidArgumentError)
    }
  })
})

describe('parseTime', () => {
  it.each([
    ['2026-11-22T22:00:00Z', 1_795_384_800],
    ['2026-11-22T23:00+01:00', 1_795_384_800],
    ['1795384800', 1_795_384_800],
  ])('reads %s', (text, seconds) => {
    expect(parseTime(text)).toBe(seconds)
  })

  it.each(['2026-11-22T22:00:00', '2026-11-22', 'tomorrow', '2026-13-01T00:00:00Z', ''])('refuses %j', (text) => {
    expect(() => parseTime(text)).toThrow(InvalidArgumentError)
  })
})

describe('collectSelector', () => {
  it('splits at the first colon and keeps earlier ones', () => {
    const first = collectSelector('unix:uid:1000')
    expect(collectSelector('k8s:ns:a', first)).toEqual([
      { type: 'unix', value: 'uid:1000' },
      { type: 'k8s', value: 'ns:a' },
    ])
  })

  it.each(['unix', 'unix:', ':uid', ''])('refuses %j', (text) => {
    expect(() => collectSelector(text)).toThrow(InvalidArgumentError)
  })
})

describe('identifiers', () => {
  it('reads canonical ones', () => {
    expect(parseIdentifier('spiffe://example.org/web')).toBe('spiffe://example.org/web')
    expect(collectTrustDomain('b.example', ['a.example'])).toEqual(['a.example', 'b.example'])
  })

  it.each(['example.org/web', 'spiffe://Example.org/web', 'spiffe://example.org/'])('refuses %j', (text) => {
    expect(() => parseIdentifier(text)).toThrow(InvalidArgumentError)
  })

  it('refuses an identifier where a trust domain is asked for', () => {
    expect(() => collectTrustDomain('spiffe://a.example')).toThrow(InvalidArgumentError)
  })
})
