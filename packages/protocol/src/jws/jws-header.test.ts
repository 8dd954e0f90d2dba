import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '../encoding/base64url.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import { HeaderMemo, isType, parseJwsHeader } from './jws-header.ts'

const segment = (header: object | string) =>
  encodeBase64url(encodeUtf8(typeof header === 'string' ? header : JSON.stringify(header)))

describe('parseJwsHeader', () => {
  it('reads the known parameters and keeps the others', () => {
    const parameters = { alg: 'ES256', typ: 'wit+jwt', kid: 'a', jku: 'https://attacker.example', b64: false }
    expect(parseJwsHeader(segment(parameters))).toEqual({ alg: 'ES256', typ: 'wit+jwt', kid: 'a', parameters })
    expect(parseJwsHeader(segment({ alg: 'ES256' }))).toMatchObject({ typ: undefined, kid: undefined })
  })

  it.each([
    ['no alg', {}, 'ERR_JWS_MALFORMED'],
    ['an alg that is no text', { alg: 1 }, 'ERR_JWS_MALFORMED'],
    ['an empty alg', { alg: '' }, 'ERR_JWS_MALFORMED'],
    ['an alg of null', { alg: null }, 'ERR_JWS_MALFORMED'],
    ['a typ that is no text', { alg: 'ES256', typ: ['wit+jwt'] }, 'ERR_JWS_MALFORMED'],
    ['a kid that is no text', { alg: 'ES256', kid: 1 }, 'ERR_JWS_MALFORMED'],
    ['an empty kid', { alg: 'ES256', kid: '' }, 'ERR_JWS_MALFORMED'],
    ['crit', { alg: 'ES256', crit: ['exp'], exp: 1 }, 'ERR_JWS_CRITICAL'],
    ['crit for b64', { alg: 'ES256', crit: ['b64'], b64: false }, 'ERR_JWS_CRITICAL'],
    ['an empty crit', { alg: 'ES256', crit: [] }, 'ERR_JWS_CRITICAL'],
    ['a crit of null', { alg: 'ES256', crit: null }, 'ERR_JWS_CRITICAL'],
    ['enc', { alg: 'ES256', enc: 'A128GCM' }, 'ERR_JWS_ENCRYPTED'],
    ['zip', { alg: 'ES256', zip: 'DEF' }, 'ERR_JWS_ENCRYPTED'],
    ['a member twice', '{"alg":"ES256","alg":"ES256"}', 'ERR_ENCODING_JSON_DUPLICATE'],
  ])('refuses %s', async (_, header, code) => {
    await expectCode(() => parseJwsHeader(segment(header)), code)
  })

  it('parses a header once per memo', () => {
    const memo = new HeaderMemo()
    const text = segment({ alg: 'ES256' })
    const header = parseJwsHeader(text, memo)
    expect(parseJwsHeader(text, memo)).toBe(header)
    expect(parseJwsHeader(text)).not.toBe(header)
  })

  it('remembers no header that it refused', async () => {
    const memo = new HeaderMemo()
    const text = segment({ alg: 'ES256', crit: ['x'] })
    await expectCode(() => parseJwsHeader(text, memo), 'ERR_JWS_CRITICAL')
    await expectCode(() => parseJwsHeader(text, memo), 'ERR_JWS_CRITICAL')
    expect(memo.get(text)).toBe(undefined)
  })
})

describe('HeaderMemo', () => {
  it('holds a bounded number of headers, however many are shown', () => {
    const memo = new HeaderMemo()
    const segments = Array.from({ length: 2000 }, (_, index) => segment({ alg: 'ES256', kid: `k${index}` }))
    for (const text of segments) {
      expect(parseJwsHeader(text, memo).kid).toBe(parseJwsHeader(text).kid)
    }
    const held = segments.filter((text) => memo.get(text) !== undefined)
    expect(held.length).toBeGreaterThan(0)
    expect(held.length).toBeLessThanOrEqual(256)
  })

  it('keeps headers while there is room', () => {
    const memo = new HeaderMemo()
    const segments = Array.from({ length: 256 }, (_, index) => segment({ alg: 'ES256', kid: `k${index}` }))
    for (const text of segments) parseJwsHeader(text, memo)
    expect(segments.every((text) => memo.get(text) !== undefined)).toBe(true)
  })
})

describe('isType', () => {
  const typed = (typ: string | undefined) => ({ alg: 'ES256', typ, kid: undefined, parameters: {} })

  it.each(['wit+jwt', 'WIT+JWT', 'application/wit+jwt', 'Application/WIT+jwt'])('accepts %s', (typ) => {
    expect(isType(typed(typ), 'wit+jwt')).toBe(true)
  })

  it.each([
    undefined,
    'wpt+jwt',
    'jwt',
    'JWT',
    'wit',
    'x-wit+jwt',
    'wit+jwt ',
    'text/wit+jwt',
    'application/application/wit+jwt',
    'wit+jwt;a=b',
  ])('refuses %s', (typ) => {
    expect(isType(typed(typ), 'wit+jwt')).toBe(false)
  })
})
