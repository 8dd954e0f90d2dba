import { createHash } from 'node:crypto'
import { decodeToken, promisedCrypto, promisedSigningKey } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { trimSpaces, WptBuilder } from './build-wpt.ts'

const NOW = 1_800_000_000
const WIT = 'header.claims.signature'
const key = generateSigningKey('EdDSA')
const hash = (text: string) => createHash('sha256').update(text).digest('base64url')

describe.each([
  ['synchronous', nodeCrypto, key],
  ['promise-returning', promisedCrypto(nodeCrypto), promisedSigningKey(key)],
])('WptBuilder on a %s backend', (_, crypto, signingKey) => {
  const builder = new WptBuilder(WIT, signingKey, crypto)
  const claimsOf = async (content: object) =>
    decodeToken(await builder.build({ audience: 'https://api.example.org/a', now: NOW, ...content })).claims

  it('makes a proof for one WIT, one audience and one minute', async () => {
    const token = await builder.build({ audience: 'https://api.example.org/a', now: NOW })
    const { header, claims } = decodeToken(token)
    expect(header).toEqual({ alg: 'EdDSA', typ: 'wpt+jwt' })
    expect(claims).toEqual({
      aud: 'https://api.example.org/a',
      exp: NOW + 60,
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      wth: hash(WIT),
    })
  })

  it('never uses an id twice', async () => {
    const ids = new Set<unknown>()
    for (let count = 0; count < 100; count++) ids.add((await claimsOf({}))['jti'])
    expect(ids.size).toBe(100)
  })

  it('lives as long as it is told', async () => {
    expect(await claimsOf({ ttlSeconds: 5 })).toMatchObject({ exp: NOW + 5 })
  })

  it('covers each kind of token alone', async () => {
    const base = ['aud', 'exp', 'jti', 'wth']
    const access = await claimsOf({ accessToken: 'abc' })
    expect(Object.keys(access).sort()).toEqual([...base, 'ath'].sort())
    expect(access['ath']).toBe(hash('abc'))
    const txn = await claimsOf({ txnToken: 'abc' })
    expect(Object.keys(txn).sort()).toEqual([...base, 'tth'].sort())
    expect(txn['tth']).toBe(hash('abc'))
    const other = await claimsOf({ otherTokens: { 'X-Token': '  a b  ', second: 'c' } })
    expect(Object.keys(other).sort()).toEqual([...base, 'oth'].sort())
    expect(other['oth']).toEqual({ 'x-token': hash('a b'), second: hash('c') })
    expect(Object.keys(await claimsOf({ otherTokens: {} })).sort()).toEqual(base)
  })

  it('covers all kinds together without mixing them up', async () => {
    expect(await claimsOf({ accessToken: 'a', txnToken: 't', otherTokens: { x: 'o' } })).toMatchObject({
      ath: hash('a'),
      tth: hash('t'),
      oth: { x: hash('o') },
    })
  })
})

describe('trimSpaces', () => {
  it('takes spaces away at both ends, and nothing else', () => {
    expect(trimSpaces('  a b  ')).toBe('a b')
    expect(trimSpaces('\ta\t')).toBe('\ta\t')
    expect(trimSpaces('\u00a0a')).toBe('\u00a0a')
    expect(trimSpaces('   ')).toBe('')
    expect(trimSpaces('')).toBe('')
  })
})
