import { describe, expect, it } from 'vitest'
import { jwtSvid } from '../test-support/jwt-svid.ts'
import { NOW } from '../test-support/run-cli.ts'
import { CLOUDS, type CloudName } from './clouds.ts'
import { validateAlgorithm, validateIssuer, validateSubject } from './validate-identity.ts'
import { validateToken } from './validate-token.ts'

describe('validateIssuer', () => {
  it.each(['https://id.example.org', 'https://id.example.org/', 'https://id.example.org/workloads/prod'])(
    'lets every cloud have %s',
    (issuer) => {
      for (const cloud of Object.values(CLOUDS)) expect(validateIssuer(issuer, cloud)).toBe(issuer)
    },
  )

  it.each([
    'http://id.example.org',
    'https://ID.example.org',
    'https://user@id.example.org',
    'https://id.example.org?a=b',
    'https://id.example.org#a',
    'https://id.example.org/$(id)',
    "https://id.example.org/'",
    'https://id.example.org/a b',
    'https://id.example.org/\n',
    'https://',
    '',
  ])('refuses %j', (issuer) => {
    for (const cloud of Object.values(CLOUDS))
      expect(() => validateIssuer(issuer, cloud)).toThrow('cannot use the issuer')
  })

  it.each([
    ['aws', false],
    ['gcp', true],
    ['azure', true],
  ] as const)('%s: a port is allowed: %s', (name, allowed) => {
    const validate = () => validateIssuer('https://id.example.org:8443/x', CLOUDS[name])
    if (allowed) expect(validate).not.toThrow()
    else expect(validate).toThrow(expect.objectContaining({ code: 'ERR_CLOUD_ISSUER' }))
  })

  it.each([
    ['aws', 255],
    ['azure', 600],
  ] as const)('%s: %d characters are the most', (name, most) => {
    const issuer = `https://id.example.org/${'a'.repeat(most - 23)}`
    expect(validateIssuer(issuer, CLOUDS[name])).toHaveLength(most)
    expect(() => validateIssuer(`${issuer}a`, CLOUDS[name])).toThrow(`${most + 1} characters and may have ${most}`)
  })
})

describe('validateSubject', () => {
  it.each([
    ['gcp', 127],
    ['azure', 600],
  ] as const)('%s: %d bytes are the most', (name, most) => {
    const subject = `spiffe://example.org/${'a'.repeat(most - 21)}`
    expect(validateSubject(subject, CLOUDS[name])).toHaveLength(most)
    expect(() => validateSubject(`${subject}a`, CLOUDS[name])).toThrow(
      expect.objectContaining({ code: 'ERR_CLOUD_SUBJECT' }),
    )
  })

  it.each(['wimse://example.org/a', 'spiffe://example.org/a"b', "spiffe://example.org/a'", 'spiffe://example.org', ''])(
    'refuses %j, which would end a string of a condition or is no SPIFFE ID',
    (subject) => {
      expect(() => validateSubject(subject, CLOUDS.aws)).toThrow('SPIFFE IDs')
    },
  )
})

describe('validateAlgorithm', () => {
  it.each([
    ['aws', ['RS256', 'ES256', 'ES512'], ['PS256', 'EdDSA', 'none', undefined]],
    ['gcp', ['RS256', 'ES256'], ['ES384', 'RS512', 'none', undefined]],
    ['azure', ['RS256'], ['ES256', 'PS256', 'none', undefined]],
  ] as const)('%s takes what its documentation says', (name, accepted, refused) => {
    for (const alg of accepted) expect(() => validateAlgorithm(alg, CLOUDS[name])).not.toThrow()
    for (const alg of refused) {
      expect(() => validateAlgorithm(alg, CLOUDS[name])).toThrow(
        expect.objectContaining({ code: 'ERR_CLOUD_ALGORITHM' }),
      )
    }
  })
})

describe('validateToken', () => {
  const validate = async (name: CloudName, options: Parameters<typeof jwtSvid>[0]) =>
    validateToken(await jwtSvid(options), CLOUDS[name])

  it('tells subject and end of one that the cloud takes', async () => {
    expect(await validate('azure', { alg: 'RS256' })).toMatchObject({
      subject: 'spiffe://example.org/app',
      expiresAt: NOW + 300,
    })
  })

  it.each([
    ['azure', { alg: 'ES256' }, 'ERR_CLOUD_ALGORITHM'],
    ['aws', { issuer: null }, 'ERR_CLOUD_ISSUER'],
    ['aws', { issuer: 'https://id.example.org:8443' }, 'ERR_CLOUD_ISSUER'],
    ['gcp', { subject: `spiffe://example.org/${'a'.repeat(107)}` }, 'ERR_CLOUD_SUBJECT'],
    ['gcp', { ttlSeconds: 48 * 3_600 }, 'ERR_CLOUD_LIFETIME'],
  ] as const)('%s: refuses %j', async (name, options, code) => {
    await expect(validate(name, options)).rejects.toMatchObject({ code })
  })

  it('lets a token of just under 48 hours go to Google Cloud', async () => {
    const ttlSeconds = 48 * 3_600 - 1
    expect(await validate('gcp', { ttlSeconds })).toMatchObject({ expiresAt: NOW + ttlSeconds })
  })

  it('refuses what is no token', () => {
    expect(() => validateToken('x', CLOUDS.aws)).toThrow(expect.objectContaining({ code: 'ERR_JWS_MALFORMED' }))
  })
})
