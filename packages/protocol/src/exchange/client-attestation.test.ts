import { decodeToken, expectCode, mutateToken, promisedCrypto } from '@countersign/testing'
import { importJWK, jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import type { CryptoBackend } from '../keys/crypto-backend.ts'
import { jwkThumbprint } from '../keys/thumbprint.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { issuerWith, NOW } from '../test-support/exchange-fixtures.ts'
import { CredentialError } from '../verification/credential-error.ts'
import { ClientAttestationIssuer } from './client-attestation-issuer.ts'
import { ClientAttestationVerifier } from './client-attestation-verifier.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

const attesterKey = generateSigningKey('ES256', { kid: 'attester-1' })
const { alg: _, kid: __, use: ___, ...instanceJwk } = generateSigningKey('ES256').publicJwk
const key = generateSigningKey('ES256')
const CLIENT = 'https://client.example.com'
const HOUR = 3600

const content = { clientId: CLIENT, instanceKey: key.publicJwk, issuedAt: NOW, expiresAt: NOW + HOUR }
const attestation = new ClientAttestationIssuer(attesterKey).issue(content) as string
const attester = issuerWith(attesterKey, { name: 'attester', url: 'https://attester.example' })

function verify(
  token: string,
  known: TrustedIssuer = attester,
  times = {},
  now = NOW,
  crypto: CryptoBackend = nodeCrypto,
) {
  return new ClientAttestationVerifier(crypto).verify(
    token,
    () => known,
    () => times,
    now,
  )
}
const change = (what: { header?: object; claims?: object }, signer = attesterKey) =>
  mutateToken(attestation, { ...(what as object), key: signer })

describe('ClientAttestationIssuer', () => {
  it('makes what the draft asks for', () => {
    const { header, claims } = decodeToken(attestation)
    expect(header).toEqual({ typ: 'oauth-client-attestation+jwt', alg: 'ES256', kid: 'attester-1' })
    expect(claims).toEqual({ sub: CLIENT, iat: NOW, exp: NOW + HOUR, cnf: { jwk: key.publicJwk } })
  })

  it('is read by another implementation', async () => {
    const options = { typ: 'oauth-client-attestation+jwt', currentDate: new Date(NOW * 1000), subject: CLIENT }
    const { payload } = await jwtVerify(attestation, await importJWK({ ...attesterKey.publicJwk }), options)
    expect(payload['cnf']).toEqual({ jwk: key.publicJwk })
  })

  it('says what the attester found, and nothing in place of its own claims', async () => {
    const issuer = new ClientAttestationIssuer(attesterKey)
    const { claims } = decodeToken(issuer.issue({ ...content, claims: { version: '1' } }) as string)
    expect(claims['version']).toBe('1')
    await expectCode(() => issuer.issue({ ...content, claims: { sub: 'other' } }), 'ERR_ISSUANCE_CLAIM')
    await expectCode(() => issuer.issue({ ...content, clientId: '' }), 'ERR_ISSUANCE_SUBJECT')
    await expectCode(() => issuer.issue({ ...content, expiresAt: NOW }), 'ERR_ISSUANCE_LIFETIME')
    const secret = { ...key.publicJwk, d: 'AA' }
    await expectCode(() => issuer.issue({ ...content, instanceKey: secret }), 'ERR_KEY_PRIVATE')
    await expectCode(() => new ClientAttestationIssuer(generateSigningKey('ES256')), 'ERR_ISSUANCE_KEY_ID')
  })
})

describe('ClientAttestationVerifier', () => {
  it('says which client it is and by which key its instance must prove itself', async () => {
    const expected = { subject: CLIENT, attester, thumbprint: jwkThumbprint(key.publicJwk, nodeCrypto) }
    expect(await verify(attestation)).toMatchObject(expected)
    expect(await verify(attestation, attester, {}, NOW, promisedCrypto(nodeCrypto))).toMatchObject(expected)
  })

  it('takes a key that names no algorithm, a token without "iat", and claims it does not know', async () => {
    const token = change({ claims: { iat: undefined, cnf: { jwk: instanceJwk }, iss: 'https://any.example', x: 1 } })
    expect(await verify(token)).toMatchObject({ confirmationJwk: instanceJwk, times: { issuedAt: undefined } })
  })

  it.each<[string, object, string]>([
    ['of another type', { header: { typ: 'JWT' } }, 'ERR_CREDENTIAL_TYPE'],
    ['that is a WIT', { header: { typ: 'wit+jwt' } }, 'ERR_CREDENTIAL_TYPE'],
    ['that is the proof', { header: { typ: 'oauth-client-attestation-pop+jwt' } }, 'ERR_CREDENTIAL_TYPE'],
    ['without a type', { header: { typ: undefined } }, 'ERR_CREDENTIAL_TYPE'],
    ['without signature', { header: { alg: 'none' } }, 'ERR_CREDENTIAL_ALGORITHM'],
    ['with a MAC', { header: { alg: 'HS256' } }, 'ERR_CREDENTIAL_ALGORITHM'],
    ['by a key that is not known', { header: { kid: 'other' } }, 'ERR_CREDENTIAL_KEY_UNKNOWN'],
    ['without a client', { claims: { sub: undefined } }, 'ERR_CREDENTIAL_SUBJECT'],
    ['with an empty client', { claims: { sub: '' } }, 'ERR_CREDENTIAL_SUBJECT'],
    ['without an end', { claims: { exp: undefined } }, 'ERR_CREDENTIAL_MALFORMED'],
    ['that has expired', { claims: { exp: NOW - 30 } }, 'ERR_CREDENTIAL_EXPIRED'],
    ['that begins later', { claims: { nbf: NOW + 31 } }, 'ERR_CREDENTIAL_NOT_YET_VALID'],
    ['without a key', { claims: { cnf: undefined } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['with the thumbprint of a key', { claims: { cnf: { jkt: 'x' } } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    [
      'with two keys',
      { claims: { cnf: { jwk: key.publicJwk, jku: 'https://a.example' } } },
      'ERR_CREDENTIAL_CONFIRMATION',
    ],
    ['with a private key', { claims: { cnf: { jwk: { ...key.publicJwk, d: 'AA' } } } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['with a shared secret', { claims: { cnf: { jwk: { kty: 'oct', k: 'AA' } } } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    [
      'with a key for encryption',
      { claims: { cnf: { jwk: { ...key.publicJwk, use: 'enc' } } } },
      'ERR_CREDENTIAL_CONFIRMATION',
    ],
  ])('refuses one %s', async (_what, what, code) => {
    await expectCode(() => verify(change(what)), code)
  })

  it('refuses one that another than the attester signed, and one that was changed', async () => {
    const stranger = generateSigningKey('ES256', { kid: 'attester-1' })
    await expectCode(() => verify(change({}, stranger)), 'ERR_CREDENTIAL_SIGNATURE')
    await expectCode(() => verify(mutateToken(attestation, { claims: { sub: 'x' } })), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it('takes the algorithms of the attester only', async () => {
    await expectCode(() => verify(attestation, { ...attester, algorithms: ['ES384'] }), 'ERR_CREDENTIAL_ALGORITHM')
  })

  it('is told by key and issuer which attester is meant, and asks for a key that is new', async () => {
    const find = vi.fn(() => {
      throw new CredentialError('ERR_CREDENTIAL_ISSUER', 'none')
    })
    const verifier = new ClientAttestationVerifier(nodeCrypto)
    const times = () => ({})
    await expectCode(() => verifier.verify(attestation, find, times, NOW), 'ERR_CREDENTIAL_ISSUER')
    await expectCode(() => verifier.verify(change({ claims: { iss: 'a' } }), find, times, NOW), 'ERR_CREDENTIAL_ISSUER')
    expect(find.mock.calls).toEqual([
      ['attester-1', undefined],
      ['attester-1', 'a'],
    ])
    let keys = new TrustedKeys([], nodeCrypto)
    const rotating: TrustedIssuer = {
      ...attester,
      get keys() {
        return keys
      },
      refreshKeys: () => {
        keys = attester.keys
      },
    }
    expect(await verify(attestation, rotating)).toMatchObject({ subject: CLIENT })
  })

  it('holds an authentic one to the age that is allowed', async () => {
    const times = { maxAgeSeconds: 600 }
    expect(await verify(attestation, attester, times, NOW + 600)).toMatchObject({ subject: CLIENT })
    await expectCode(() => verify(attestation, attester, times, NOW + 631), 'ERR_CREDENTIAL_TOO_OLD')
    const ageless = change({ claims: { iat: undefined } })
    await expectCode(() => verify(ageless, attester, times), 'ERR_CREDENTIAL_TOO_OLD')
    // Whoever cannot sign learns nothing of that.
    const forged = mutateToken(attestation, { claims: { iat: 0, exp: 1 } })
    await expectCode(() => verify(forged, attester, times), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it('refuses what is no token, or too long', async () => {
    await expectCode(() => verify('a.b'), 'ERR_CREDENTIAL_MALFORMED')
    await expectCode(() => verify(`${attestation},${attestation}`), 'ERR_CREDENTIAL_MALFORMED')
    await expectCode(() => verify('a'.repeat(16_385)), 'ERR_CREDENTIAL_TOO_LARGE')
  })
})
