import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { encodeBase64 } from '../encoding/base64.ts'
import type { PublicJwk } from '../keys/public-jwk.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { formatSpiffeBundle, parseSpiffeBundle, type SpiffeBundle } from './spiffe-bundle.ts'

const jwt = generateSigningKey('ES256', { kid: 'jwt' }).publicJwk
const wit = generateSigningKey('ES384', { kid: 'wit' }).publicJwk
const { kid: _, ...unnamed } = jwt
const certificate = new Uint8Array([0x30, 0x03, 0x02, 0x01, 0x01])
const x509 = { use: 'x509-svid', kty: 'EC', crv: 'P-256', x: jwt.x, y: jwt.y, x5c: [encodeBase64(certificate)] }

const parse = (document: unknown) => parseSpiffeBundle('example.org', document)
const parseKeys = (...keys: unknown[]) => parse({ keys })

describe('parseSpiffeBundle', () => {
  it('sorts keys by use and drops the use itself', () => {
    const keys = [x509, { ...jwt, use: 'jwt-svid' }, { ...wit, use: 'wit-svid' }]
    expect(parse({ keys, spiffe_sequence: 7, spiffe_refresh_hint: 300, future: 'member' })).toEqual({
      trustDomain: 'example.org',
      x509Authorities: [certificate],
      jwtAuthorities: [jwt],
      witAuthorities: [wit],
      sequence: 7,
      refreshHintSeconds: 300,
    })
  })

  it('accepts an empty list: everything was withdrawn', () => {
    expect(parseKeys()).toEqual({
      trustDomain: 'example.org',
      x509Authorities: [],
      jwtAuthorities: [],
      witAuthorities: [],
    })
  })

  it('reads only the first certificate of an entry', () => {
    const entry = { ...x509, x5c: [encodeBase64(certificate), 'not base64!'] }
    expect(parseKeys(entry).x509Authorities).toEqual([certificate])
  })

  it.each([
    ['an unknown use', { ...jwt, use: 'future-svid' }],
    ['no use', jwt],
    ['a use that is no text', { ...jwt, use: 1 }],
    ['an unknown key type', { ...jwt, kty: 'AKP', use: 'jwt-svid' }],
    ['no key type', { ...jwt, kty: undefined, use: 'jwt-svid' }],
    ['a token key without kid', { ...unnamed, use: 'jwt-svid' }],
    ['a WIT key without kid', { ...unnamed, use: 'wit-svid' }],
    ['a private token key', { ...jwt, d: 'AA', use: 'jwt-svid' }],
    ['a malformed token key', { ...jwt, x: 'AA', use: 'wit-svid' }],
    ['no x5c', { ...x509, x5c: undefined }],
    ['an empty x5c', { ...x509, x5c: [] }],
    ['an empty certificate', { ...x509, x5c: [''] }],
    ['an x5c that is no list', { ...x509, x5c: encodeBase64(certificate) }],
    ['an x5c that holds no text', { ...x509, x5c: [1] }],
    ['a certificate that is not base64', { ...x509, x5c: ['%%%%'] }],
    ['a certificate in base64url', { ...x509, x5c: ['-_-_'] }],
    ['an unknown key type of a certificate', { ...x509, kty: 'AKP' }],
    ['a certificate without key type', { ...x509, kty: undefined }],
  ])('leaves an entry with %s out and keeps the rest', (_, entry) => {
    const bundle = parseKeys(entry, { ...wit, use: 'wit-svid' })
    expect(bundle).toMatchObject({ x509Authorities: [], jwtAuthorities: [], witAuthorities: [wit] })
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['text', '{"keys":[]}'],
    ['no keys', {}],
    ['keys that are no list', { keys: {} }],
    ['a key that is no object', { keys: ['a'] }],
    ['a key that is null', { keys: [null] }],
    ['a key that is a list', { keys: [[]] }],
    ['a negative sequence', { keys: [], spiffe_sequence: -1 }],
    ['a fractional sequence', { keys: [], spiffe_sequence: 1.5 }],
    ['a sequence as text', { keys: [], spiffe_sequence: '1' }],
    ['a negative refresh hint', { keys: [], spiffe_refresh_hint: -1 }],
    ['a refresh hint of null', { keys: [], spiffe_refresh_hint: null }],
  ])('refuses %s', async (_, document) => {
    await expectCode(() => parse(document), 'ERR_BUNDLE_MALFORMED')
  })

  it('takes a sequence too large to compare for none', () => {
    expect(parse({ keys: [], spiffe_sequence: 1_790_000_000_000_000_000 })).not.toHaveProperty('sequence')
    expect(parse({ keys: [], spiffe_sequence: Number.MAX_SAFE_INTEGER }).sequence).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('accepts a sequence and a hint of zero', () => {
    expect(parse({ keys: [], spiffe_sequence: 0, spiffe_refresh_hint: 0 })).toMatchObject({
      sequence: 0,
      refreshHintSeconds: 0,
    })
  })

  it('refuses two token keys of one kid, also across uses', async () => {
    const clone = { ...wit, kid: 'jwt' }
    const twice = 'ERR_BUNDLE_DUPLICATE_KEY_ID'
    await expectCode(() => parseKeys({ ...jwt, use: 'jwt-svid' }, { ...clone, use: 'jwt-svid' }), twice)
    await expectCode(() => parseKeys({ ...jwt, use: 'wit-svid' }, { ...clone, use: 'wit-svid' }), twice)
    await expectCode(() => parseKeys({ ...jwt, use: 'jwt-svid' }, { ...clone, use: 'wit-svid' }), twice)
  })

  it('refuses more keys than it will ever need', async () => {
    const unknown = { kty: 'EC', use: 'future-svid' }
    expect(parseKeys(...Array(1024).fill(unknown)).jwtAuthorities).toEqual([])
    await expectCode(() => parseKeys(...Array(1025).fill(unknown)), 'ERR_BUNDLE_TOO_LARGE')
  })

  it('refuses a trust domain that is none', async () => {
    await expectCode(() => parseSpiffeBundle('spiffe://example.org', { keys: [] }), 'ERR_IDENTIFIER_TRUST_DOMAIN')
  })
})

describe('formatSpiffeBundle', () => {
  const bundle: SpiffeBundle = {
    trustDomain: 'example.org',
    x509Authorities: [certificate],
    jwtAuthorities: [jwt],
    witAuthorities: [wit],
    sequence: 3,
    refreshHintSeconds: 60,
  }

  it('writes what it reads back', () => {
    const document = formatSpiffeBundle(bundle, () => jwt)
    expect(parse(JSON.parse(JSON.stringify(document)))).toEqual(bundle)
  })

  it('writes certificates with key members but without kid and alg', () => {
    const certificates: Uint8Array[] = []
    const { keys } = formatSpiffeBundle(bundle, (der): PublicJwk => {
      certificates.push(der)
      return jwt
    })
    expect(certificates).toEqual([certificate])
    expect(keys).toEqual([x509, { ...jwt, use: 'jwt-svid' }, { ...wit, use: 'wit-svid' }])
  })

  it('leaves out what the bundle does not have', () => {
    const empty = { trustDomain: 'example.org', x509Authorities: [], jwtAuthorities: [], witAuthorities: [] }
    expect(formatSpiffeBundle(empty, () => jwt)).toEqual({ keys: [] })
  })
})
