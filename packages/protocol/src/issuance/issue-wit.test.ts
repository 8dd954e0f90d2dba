import { decodeToken, expectCode, promisedSigningKey } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { WitIssuer } from './issue-wit.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256', { kid: 'issuer' })
const unnamed = generateSigningKey('ES256')
const edwards = generateSigningKey('EdDSA', { kid: 'issuer' })
const confirmationKey = generateSigningKey('ES256').publicJwk
const edwardsConfirmationKey = generateSigningKey('EdDSA').publicJwk
const subject = WorkloadId.parse('spiffe://example.org/a')
const wimseSubject = WorkloadId.parse('wimse://example.org/a')
const content = { subject, confirmationKey, now: NOW, ttlSeconds: 3600 }

describe('WitIssuer', () => {
  it.each(['wimse', 'wit-svid'] as const)('issues exactly what the profile %s asks for', async (profile) => {
    const { header, claims } = decodeToken(await new WitIssuer(key, profile).issue(content))
    expect(header).toEqual({ alg: 'ES256', typ: 'wit+jwt', kid: 'issuer' })
    expect(claims).toEqual({
      sub: 'spiffe://example.org/a',
      iat: NOW,
      exp: NOW + 3600,
      cnf: { jwk: confirmationKey },
    })
  })

  it('adds issuer and id when given', async () => {
    const token = await new WitIssuer(key, 'wimse').issue({ ...content, issuer: 'https://issuer.example', id: 'x' })
    expect(decodeToken(token).claims).toMatchObject({ iss: 'https://issuer.example', jti: 'x' })
  })

  it('puts only public, known members of the confirmation key into the token', async () => {
    const withExtra = { ...confirmationKey, x5u: 'https://example.org' }
    const token = await new WitIssuer(key, 'wimse').issue({ ...content, confirmationKey: withExtra })
    expect(decodeToken(token).claims['cnf']).toEqual({ jwk: confirmationKey })
  })

  it('accepts for plain WIMSE what SPIFFE does not', async () => {
    const issuer = new WitIssuer(edwards, 'wimse')
    const token = await issuer.issue({ ...content, subject: wimseSubject, confirmationKey: edwardsConfirmationKey })
    expect(decodeToken(token).header['alg']).toBe('EdDSA')
    const nameless = await new WitIssuer(unnamed, 'wimse').issue(content)
    expect(decodeToken(nameless).header).toEqual({ alg: 'ES256', typ: 'wit+jwt' })
  })

  it('works with a key that answers later', async () => {
    const token = new WitIssuer(promisedSigningKey(edwards), 'wimse').issue(content)
    expect(token).toBeInstanceOf(Promise)
    expect(await token).toBe(await new WitIssuer(edwards, 'wimse').issue(content))
  })

  it('refuses keys that the profile wit-svid does not allow', async () => {
    await expectCode(() => new WitIssuer(edwards, 'wit-svid'), 'ERR_ISSUANCE_ALGORITHM')
    await expectCode(() => new WitIssuer(unnamed, 'wit-svid'), 'ERR_ISSUANCE_KEY_ID')
  })

  it('refuses content that the profile wit-svid does not allow', async () => {
    const issuer = new WitIssuer(key, 'wit-svid')
    await expectCode(
      () => issuer.issue({ ...content, confirmationKey: edwardsConfirmationKey }),
      'ERR_ISSUANCE_ALGORITHM',
    )
    await expectCode(() => issuer.issue({ ...content, subject: wimseSubject }), 'ERR_ISSUANCE_SUBJECT')
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a lifetime of %d seconds', async (ttlSeconds) => {
    const issuer = new WitIssuer(key, 'wimse')
    await expectCode(() => issuer.issue({ ...content, ttlSeconds }), 'ERR_ISSUANCE_LIFETIME')
  })

  it('refuses a confirmation key that is private, malformed or without a fitting algorithm', async () => {
    const issuer = new WitIssuer(key, 'wimse')
    const issue = (jwk: object) => () => issuer.issue({ ...content, confirmationKey: jwk as typeof confirmationKey })
    const { alg: _, ...noAlgorithm } = confirmationKey
    await expectCode(issue({ ...confirmationKey, d: 'AA' }), 'ERR_KEY_PRIVATE')
    await expectCode(issue({ ...confirmationKey, x: 'AA' }), 'ERR_KEY_MALFORMED')
    await expectCode(issue(noAlgorithm), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(issue({ ...confirmationKey, alg: 'ES384' }), 'ERR_KEY_ALGORITHM_MISMATCH')
    await expectCode(issue({ ...confirmationKey, use: 'enc' }), 'ERR_KEY_USE')
  })
})
