import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto'
import { expectCode } from '@countersign/testing'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { TrustedKeys } from '../bundle/trusted-keys.ts'
import { encodeBase64url } from '../encoding/base64url.ts'
import { encodeUtf8 } from '../encoding/text.ts'
import { nodeCrypto } from '../keys-node/node-crypto.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { OidcTokenVerifier, type OidcTokenVerifierOptions } from './oidc-token-verifier.ts'

const NOW = 1_800_000_000
const ISSUER = 'https://login.example.org'
const AUDIENCE = 'countersign'
const CLAIMS = { iss: ISSUER, sub: 'alice', aud: AUDIENCE, exp: NOW + 300, iat: NOW }

const key = generateSigningKey('ES256', { kid: 'k1' })
const other = generateSigningKey('ES256', { kid: 'k1' })
const keys = new TrustedKeys([key.publicJwk], nodeCrypto)

/** Signed by a second implementation. */
async function token(claims: object = {}, header: object = {}, signer = key): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims } as Record<string, unknown>)
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
    .sign(createPrivateKey({ key: Buffer.from(signer.exportPkcs8()), format: 'der', type: 'pkcs8' }))
}

function verify(text: string, options: Partial<OidcTokenVerifierOptions> = {}) {
  const verifier = new OidcTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, algorithms: ['ES256'], ...options })
  return verifier.verify(text, keys, NOW)
}
const refused = async (text: string, code: string, options: Partial<OidcTokenVerifierOptions> = {}) =>
  expectCode(async () => verify(text, options), code)

describe('tokens of an OpenID Connect issuer', () => {
  it('believes one that is meant for it', async () => {
    expect(await verify(await token({ groups: ['a'] }))).toEqual({
      issuer: ISSUER,
      subject: 'alice',
      expiresAt: NOW + 300,
      claims: { ...CLAIMS, groups: ['a'] },
    })
  })

  it.each([[{ typ: 'JWT' }], [{ typ: 'at+jwt' }], [{ typ: 'application/at+jwt' }]])('takes %j', async (header) => {
    expect(await verify(await token({}, header))).toMatchObject({ subject: 'alice' })
  })

  it.each([
    ['expired', { exp: NOW - 31 }, 'ERR_CREDENTIAL_EXPIRED'],
    ['without an end', { exp: undefined }, 'ERR_CREDENTIAL_MALFORMED'],
    ['from the future', { nbf: NOW + 31 }, 'ERR_CREDENTIAL_NOT_YET_VALID'],
    ['of another issuer', { iss: `${ISSUER}/` }, 'ERR_CREDENTIAL_ISSUER'],
    ['of no issuer', { iss: undefined }, 'ERR_CREDENTIAL_ISSUER'],
    ['for another client', { aud: 'wiki' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for nobody', { aud: undefined }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['given to another client', { azp: 'wiki' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for several, without saying whose it is', { aud: [AUDIENCE, 'wiki'] }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['for several, given to another', { aud: [AUDIENCE, 'wiki'], azp: 'wiki' }, 'ERR_CREDENTIAL_AUDIENCE'],
    ['bound to a key', { cnf: { jkt: 'abc' } }, 'ERR_CREDENTIAL_CONFIRMATION'],
    ['of nobody', { sub: undefined }, 'ERR_CREDENTIAL_SUBJECT'],
    ['of an empty subject', { sub: '' }, 'ERR_CREDENTIAL_SUBJECT'],
    ['of a subject that is no text', { sub: 5 }, 'ERR_CREDENTIAL_SUBJECT'],
  ])('refuses one %s', async (_name, claims, code) => {
    await refused(await token(claims), code)
  })

  it('takes one for several when it was given to this client', async () => {
    expect(await verify(await token({ aud: [AUDIENCE, 'wiki'], azp: AUDIENCE }))).toMatchObject({ subject: 'alice' })
  })

  it('holds access tokens to the clients that are named', async () => {
    const options = { authorizedParties: ['cli'] }
    expect(await verify(await token({ azp: 'cli' }), options)).toMatchObject({ subject: 'alice' })
    expect(await verify(await token({ client_id: 'cli' }), options)).toMatchObject({ subject: 'alice' })
    await refused(await token({ azp: 'wiki', client_id: 'cli' }), 'ERR_CREDENTIAL_AUDIENCE', options)
    await refused(await token(), 'ERR_CREDENTIAL_AUDIENCE', options)
  })

  it.each([
    ['a logout token', { typ: 'logout+jwt' }, 'ERR_CREDENTIAL_TYPE'],
    ['a proof', { typ: 'dpop+jwt' }, 'ERR_CREDENTIAL_TYPE'],
    ['an unknown key', { kid: 'k2' }, 'ERR_CREDENTIAL_KEY_UNKNOWN'],
  ])('refuses %s', async (_name, header, code) => {
    await refused(await token({}, header), code)
  })

  it('refuses an algorithm that is not in the list', async () => {
    await refused(await token(), 'ERR_CREDENTIAL_ALGORITHM', { algorithms: ['RS256'] })
  })

  it('refuses the signature of another key', async () => {
    await refused(await token({}, {}, other), 'ERR_CREDENTIAL_SIGNATURE')
  })

  it('refuses no signature, and a shared secret made of the public key', async () => {
    const encode = (value: object) => encodeBase64url(encodeUtf8(JSON.stringify(value)))
    const unsigned = `${encode({ alg: 'none' })}.${encode(CLAIMS)}.`
    await refused(unsigned, 'ERR_CREDENTIAL_MALFORMED')
    await refused(`${unsigned}AA`, 'ERR_CREDENTIAL_ALGORITHM')
    const input = `${encode({ alg: 'HS256', kid: 'k1' })}.${encode(CLAIMS)}`
    const publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    })
    const mac = createHmac('sha256', publicKey).update(input).digest()
    await refused(`${input}.${encodeBase64url(mac)}`, 'ERR_CREDENTIAL_ALGORITHM')
  })

  it('is not made without issuer or audience', () => {
    expect(() => new OidcTokenVerifier({ issuer: ISSUER, audience: '', algorithms: ['ES256'] })).toThrow(TypeError)
    expect(() => new OidcTokenVerifier({ issuer: '', audience: AUDIENCE, algorithms: ['ES256'] })).toThrow(TypeError)
  })
})
