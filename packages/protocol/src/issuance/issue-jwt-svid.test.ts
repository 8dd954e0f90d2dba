import { decodeToken, expectCode, promisedSigningKey } from '@countersign/testing'
import { describe, expect, it } from 'vitest'
import { WorkloadId } from '../identifier/workload-id.ts'
import { generateSigningKey } from '../keys-node/signing-key.ts'
import { JwtSvidIssuer } from './issue-jwt-svid.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('RS256', { kid: 'issuer' })
const subject = WorkloadId.parse('spiffe://example.org/a')
const content = { subject, audience: ['db'], now: NOW, ttlSeconds: 300 }

describe('JwtSvidIssuer', () => {
  const issuer = new JwtSvidIssuer(key)

  it('issues exactly what the standard asks for, and iat', async () => {
    const { header, claims } = decodeToken(await issuer.issue(content))
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'issuer' })
    expect(claims).toEqual({ sub: 'spiffe://example.org/a', aud: ['db'], iat: NOW, exp: NOW + 300 })
  })

  it('adds issuer and id when given', async () => {
    const token = await issuer.issue({ ...content, issuer: 'https://issuer.example', id: 'x', audience: ['a', 'b'] })
    expect(decodeToken(token).claims).toMatchObject({ iss: 'https://issuer.example', jti: 'x', aud: ['a', 'b'] })
  })

  it('works with a key that answers later', async () => {
    const token = new JwtSvidIssuer(promisedSigningKey(key)).issue(content)
    expect(token).toBeInstanceOf(Promise)
    expect(await token).toBe(await issuer.issue(content))
  })

  it('refuses EdDSA keys and keys without a name', async () => {
    const edwards = generateSigningKey('EdDSA', { kid: 'issuer' })
    await expectCode(() => new JwtSvidIssuer(edwards), 'ERR_ISSUANCE_ALGORITHM')
    await expectCode(() => new JwtSvidIssuer(generateSigningKey('ES256')), 'ERR_ISSUANCE_KEY_ID')
  })

  it.each([
    ['a subject that is no SPIFFE ID', { subject: WorkloadId.parse('wimse://example.org/a') }, 'ERR_ISSUANCE_SUBJECT'],
    ['no audience', { audience: [] }, 'ERR_ISSUANCE_AUDIENCE'],
    ['an empty audience', { audience: ['db', ''] }, 'ERR_ISSUANCE_AUDIENCE'],
    ['no lifetime', { ttlSeconds: 0 }, 'ERR_ISSUANCE_LIFETIME'],
    ['a negative lifetime', { ttlSeconds: -1 }, 'ERR_ISSUANCE_LIFETIME'],
    ['an endless lifetime', { ttlSeconds: Number.POSITIVE_INFINITY }, 'ERR_ISSUANCE_LIFETIME'],
    ['a lifetime that is no number', { ttlSeconds: Number.NaN }, 'ERR_ISSUANCE_LIFETIME'],
  ])('refuses %s', async (_, change, code) => {
    await expectCode(() => issuer.issue({ ...content, ...change }), code)
  })
})
