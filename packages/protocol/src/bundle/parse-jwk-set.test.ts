import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { parseJwkSet, parseTokenKeys } from './parse-jwk-set.ts'

const one = generateSigningKey('ES256', { kid: 'one' }).publicJwk
const two = generateSigningKey('EdDSA', { kid: 'two' }).publicJwk

describe('parseTokenKeys', () => {
  it('keeps keys of the use, and of no stated use', () => {
    expect(parseTokenKeys([{ ...one, use: 'wit-svid' }, two], 'wit-svid')).toEqual([one, two])
  })

  it('keeps keys of several uses', () => {
    expect(
      parseTokenKeys(
        [
          { ...one, use: 'sig' },
          { ...two, use: 'wit-svid' },
        ],
        'wit-svid',
        'sig',
      ),
    ).toEqual([one, two])
  })

  it.each([
    ['for another use', { ...one, use: 'jwt-svid' }],
    ['for signatures in general', { ...one, use: 'sig' }],
    ['for encryption', { ...one, use: 'enc' }],
    ['of an unknown kind', { kty: 'oct', k: 'AAAA' }],
    ['that is private', { ...one, d: 'AAAA' }],
    ['whose operations are others', { ...one, key_ops: ['encrypt'] }],
  ])('leaves out a key %s', (_, key) => {
    expect(parseTokenKeys([key, two], 'wit-svid')).toEqual([two])
  })

  it.each([[undefined], [{}], ['keys'], [[null]], [['key']]])('refuses %j', async (keys) => {
    await expectCode(() => parseTokenKeys(keys, 'wit-svid'), 'ERR_BUNDLE_MALFORMED')
  })
})

describe('parseJwkSet', () => {
  it('reads text', () => {
    expect(parseJwkSet(JSON.stringify({ keys: [one] }), 'jwt-svid')).toEqual([one])
  })

  it('refuses text that is too large before it is parsed', async () => {
    await expectCode(() => parseJwkSet(' '.repeat(4 * 1024 * 1024 + 1), 'jwt-svid'), 'ERR_BUNDLE_TOO_LARGE')
  })

  it('refuses a repeated member', async () => {
    await expectCode(() => parseJwkSet('{"keys":[],"keys":[]}', 'jwt-svid'), 'ERR_ENCODING_JSON_DUPLICATE')
  })
})
