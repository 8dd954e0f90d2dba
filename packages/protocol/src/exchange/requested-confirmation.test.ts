import { expectCode } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../encoding/strict-json.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { parseRequestedConfirmation } from './requested-confirmation.ts'

/** RFC 7638 section 3.1: key and thumbprint. */
const RSA = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
}
const RSA_THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
const { alg: _, kid: __, ...EC } = generateSigningKey('ES256', { kid: 'a' }).publicJwk
const THUMBPRINT = nodeCrypto.sha256Base64url('another key')

const parse = (cnf: unknown) => parseRequestedConfirmation({ requested_cnf: cnf } as JsonObject, nodeCrypto)

describe('parseRequestedConfirmation', () => {
  it('takes a grant without it for one that asks for no key', async () => {
    expect(await parseRequestedConfirmation({}, nodeCrypto)).toBe(undefined)
  })

  it.each(['jkt', 'x5t#S256'] as const)('reads %s as in any token', async (kind) => {
    expect(await parse({ [kind]: THUMBPRINT })).toEqual({ kind, thumbprint: THUMBPRINT })
  })

  it('makes a thumbprint of a whole key: the example of RFC 7638', async () => {
    const expected = { kind: 'jkt', thumbprint: RSA_THUMBPRINT }
    expect(await parse({ jwk: RSA })).toEqual(expected)
    expect(await parse({ jwk: RSA, jkt: RSA_THUMBPRINT })).toEqual(expected)
  })

  it('does the same for a key that names no algorithm', async () => {
    const thumbprint = await jwkThumbprint(EC, nodeCrypto)
    expect(await parse({ jwk: { ...EC, use: 'sig' } })).toEqual({ kind: 'jkt', thumbprint })
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['a text', 'jwk'],
    ['a list', [{ jwk: EC }]],
    ['nothing in it', {}],
    ['a way that is not known', { kid: 'a' }],
    ['a key that is encrypted', { jwe: 'a.b.c.d.e' }],
    ['a key to be fetched', { jku: 'https://a.example/keys' }],
    ['a way that is not known beside a key', { jwk: EC, kid: 'a' }],
    ['a key to be fetched beside a key', { jwk: EC, jku: 'https://a.example/keys' }],
    ['a private key', { jwk: { ...EC, d: THUMBPRINT } }],
    ['a private RSA key', { jwk: { ...RSA, dp: 'AQAB' } }],
    ['a symmetric key', { jwk: { kty: 'oct', k: THUMBPRINT } }],
    ['a symmetric key that shows nothing', { jwk: { kty: 'oct' } }],
    ['a public key with a symmetric one in it', { jwk: { ...EC, k: THUMBPRINT } }],
    ['a key for encryption', { jwk: { ...EC, use: 'enc' } }],
    ['a key that does not verify', { jwk: { ...EC, key_ops: ['deriveKey'] } }],
    ['a key on an unknown curve', { jwk: { ...EC, crv: 'secp256k1' } }],
    ['a key that is cut off', { jwk: { ...EC, x: 'AAAA' } }],
    ['a weak key', { jwk: { ...RSA, n: RSA.n.slice(0, 172) } }],
    ['a key that is none', { jwk: null }],
    ['a list of keys', { jwk: [EC] }],
    ['two keys', { jwk: EC, jkt: THUMBPRINT }],
    ['a key and a certificate', { jwk: EC, 'x5t#S256': THUMBPRINT }],
    ['a thumbprint that is none beside a key', { jwk: EC, jkt: 'AAAA' }],
  ])('refuses %s', async (_, cnf) => {
    await expectCode(() => parse(cnf), 'ERR_CREDENTIAL_CONFIRMATION')
  })

  it('refuses a certificate that has the thumbprint of the key', async () => {
    await expectCode(() => parse({ jwk: RSA, 'x5t#S256': RSA_THUMBPRINT }), 'ERR_CREDENTIAL_CONFIRMATION')
  })
})
