import { encodeToken, expectCode, promisedCrypto } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '../encoding/base64url.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { decodeUnverifiedJws, MAX_TOKEN_BYTES, verifyJwsSignature } from './compact-jws.ts'

const key = generateSigningKey('ES256')
const token = encodeToken({ alg: 'ES256', typ: 'JWT' }, { sub: 'a' }, key)
const [header = '', payload = '', signature = ''] = token.split('.')
const segment = (text: string) => encodeBase64url(encodeUtf8(text))

describe('decodeUnverifiedJws', () => {
  it('takes a token apart', () => {
    const jws = decodeUnverifiedJws(token)
    expect(jws.header).toMatchObject({ alg: 'ES256', typ: 'JWT', kid: undefined })
    expect(jws.payload).toEqual({ sub: 'a' })
    expect(jws.signature).toHaveLength(64)
    expect(jws.signingInput).toEqual(encodeUtf8(`${header}.${payload}`))
  })

  it.each([
    ['nothing', ''],
    ['no dot', 'abc'],
    ['one dot', `${header}.${payload}`],
    ['three dots', `${token}.${signature}`],
    ['five parts, as of an encrypted token', `${header}.${payload}.${signature}.AA.AA`],
    ['an empty header', `.${payload}.${signature}`],
    ['an empty payload', `${header}..${signature}`],
    ['an empty signature', `${header}.${payload}.`],
    ['only dots', '..'],
    ['padding in the header', `${header}=.${payload}.${signature}`],
    ['padding in the signature', `${header}.${payload}.${signature}==`],
    ['a space in front', ` ${token}`],
    ['a line end behind', `${token}\n`],
    ['a Bearer scheme in front', `Bearer ${token}`],
    ['a header that is not JSON', `${segment('{"alg"')}.${payload}.${signature}`],
    ['a header that is no object', `${segment('["ES256"]')}.${payload}.${signature}`],
    ['a header with a member twice', `${segment('{"alg":"ES256","alg":"none"}')}.${payload}.${signature}`],
    ['a header that is not UTF-8', `${encodeBase64url(new Uint8Array([0x7b, 0x80, 0x7d]))}.${payload}.${signature}`],
    ['a payload that is not JSON', `${header}.${segment('sub')}.${signature}`],
    ['a payload that is no object', `${header}.${segment('"sub"')}.${signature}`],
    ['a payload with a member twice', `${header}.${segment('{"sub":"a","sub":"b"}')}.${signature}`],
    ['a payload nested too deeply', `${header}.${segment(`{"a":${'['.repeat(16)}${']'.repeat(16)}}`)}.${signature}`],
    ['a payload that is not UTF-8', `${header}.${encodeBase64url(new Uint8Array([0x7b, 0x80, 0x7d]))}.${signature}`],
    ['a signature that is not base64url', `${header}.${payload}.${signature.slice(0, -1)}!`],
    [
      'a signature whose last bits are not zero',
      `${header}.${payload}.${signature.slice(0, -1)}${nextSpelling(signature)}`,
    ],
  ])('refuses %s', async (_, text) => {
    const error = await expectCode(() => decodeUnverifiedJws(text), 'ERR_JWS_MALFORMED')
    expect(error.message).not.toContain('sub')
  })

  it('refuses what is too long before it decodes anything', async () => {
    const fitting = `${header}.${payload}.${'A'.repeat(MAX_TOKEN_BYTES - header.length - payload.length - 2)}`
    expect(fitting).toHaveLength(MAX_TOKEN_BYTES)
    expect(decodeUnverifiedJws(fitting).payload).toEqual({ sub: 'a' })
    await expectCode(() => decodeUnverifiedJws(`${fitting}A`), 'ERR_JWS_TOO_LARGE')
    await expectCode(() => decodeUnverifiedJws('!'.repeat(MAX_TOKEN_BYTES + 1)), 'ERR_JWS_TOO_LARGE')
  })
})

describe('verifyJwsSignature', () => {
  it.each([
    ['a synchronous', nodeCrypto],
    ['a promise-returning', promisedCrypto(nodeCrypto)],
  ])('tells whether the key made it, with %s backend', async (_, crypto) => {
    const own = await crypto.importPublicJwk(key.publicJwk, 'ES256')
    const other = await crypto.importPublicJwk(generateSigningKey('ES256').publicJwk, 'ES256')
    expect(await verifyJwsSignature(decodeUnverifiedJws(token), own)).toBe(true)
    expect(await verifyJwsSignature(decodeUnverifiedJws(token), other)).toBe(false)
  })
})

/** Another last character for the same bytes: the two unused bits differ. */
function nextSpelling(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(text.at(-1) as string) + 1] as string
}
