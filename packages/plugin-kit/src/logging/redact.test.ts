import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isPrivateJwkMember, isSecretName, redactText } from './redact.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const base64url = (text: string) => Buffer.from(text).toString('base64url')
const compact = (header: string) => {
  const input = `${base64url(header)}.${base64url('{"sub":"spiffe://example.org/a"}')}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
const jws = compact('{"alg":"ES256"}')

describe('redactText', () => {
  it.each([
    ['alone', jws, '[redacted token]'],
    ['in a sentence', `token ${jws} was refused`, 'token [redacted token] was refused'],
    ['quoted', `{"wit":"${jws}"}`, '{"wit":"[redacted token]"}'],
    ['in a query', `/cb?id_token=${jws}&state=1`, '/cb?id_token=[redacted token]&state=1'],
    ['glued to a name', `wit-${jws}`, 'wit-[redacted token]'],
    ['after a dotted name', `request.headers.${jws}`, 'request.headers.[redacted token]'],
    ['after dots', `...${jws}`, '...[redacted token]'],
    ['with white space in its header', compact('{ "alg" : "ES256" }'), '[redacted token]'],
    ['with line breaks in its header', compact('{\n  "alg": "ES256"\n}'), '[redacted token]'],
    ['without a signature', jws.slice(0, jws.lastIndexOf('.') + 1), '[redacted token]'],
    ['without a payload', jws.replace(/\..*\./, '..'), '[redacted token]'],
    ['as compact JWE', `${base64url('{"alg":"dir","enc":"A256GCM"}')}..aXY.Y2lwaGVy.dGFn`, '[redacted token]'],
    ['twice', `${jws} ${jws}`, '[redacted token] [redacted token]'],
  ])('blanks a compact token %s', (_, text, expected) => {
    expect(redactText(text)).toBe(expected)
  })

  it.each([
    'spiffe://example.org/ns/default/sa/web.service.account.name',
    'keycloak.example.org refused eyewitness-news.example.com and ewok-service.example.net',
    '/usr/lib/node_modules/@scope/some.very.long.file.name.js',
    'version 10.4.0-rc.1.2.3.4.5.6.7.8.9',
    `sha256 ${'ab'.repeat(32)}`,
    'bearer tokens are refused',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  ])('leaves %j alone', (text) => {
    expect(redactText(text)).toBe(text)
  })

  it('blanks a PEM private key and nothing around it', () => {
    expect(redactText(`before\n${pem}after`)).toBe('before\n[redacted private key]\nafter')
    expect(redactText(JSON.stringify({ key: pem, a: 1 }))).toBe('{"key":"[redacted private key]\\n","a":1}')
  })

  it.each(['EC', 'RSA', 'ENCRYPTED', 'OPENSSH'])('blanks a PEM %s PRIVATE KEY', (kind) => {
    expect(redactText(`-----BEGIN ${kind} PRIVATE KEY-----\nabcd\n-----END ${kind} PRIVATE KEY-----`)).toBe(
      '[redacted private key]',
    )
  })

  it('blanks a PEM private key that was cut short', () => {
    expect(redactText(`read ${pem.slice(0, 80)}`)).toBe('read [redacted private key]')
  })

  it('blanks the private member of a JWK, once or twice encoded', () => {
    const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }))
    const { d } = privateKey.export({ format: 'jwk' })
    expect(redactText(jwk)).not.toContain(d)
    expect(redactText(JSON.stringify(jwk))).not.toContain(d)
    expect(redactText(jwk)).toContain('"d":"[redacted]"')
  })

  it('blanks the value of an Authorization header', () => {
    expect(redactText('Authorization: Bearer 0123456789abcdef0123456789')).toBe('Authorization: Bearer [redacted]')
    expect(redactText('dpop 0123456789abcdef0123456789~=')).toBe('dpop [redacted]')
  })

  it('takes time linear in the text', () => {
    const hostile = ['eyJ', 'a.', '"d":', 'bearer ', '-----BEGIN PRIVATE KEY-----', '-----BEGIN ', 'e.y.'].map((part) =>
      part.repeat(Math.ceil(1_000_000 / part.length)),
    )
    const started = performance.now()
    for (const text of hostile) redactText(text)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('isSecretName', () => {
  it.each([
    'token',
    'joinToken',
    'join_token',
    'Join-Token',
    'tokens',
    'Txn-Token',
    'access_token',
    'client_assertion',
    'authorization',
    'proxy-authorization',
    'cookie',
    'set-cookie',
    'cookies',
    'privateKey',
    'pkcs8',
    'evidence',
    'clientSecret',
    'password',
    'wit',
    'jwt',
    'dpop',
  ])('%s is secret', (name) => expect(isSecretName(name)).toBe(true))

  it.each(['tokenHash', 'tokenFile', 'expected', 'habit', 'keyId', 'publicKey', 'cookieName', 'subject', 'spiffeId'])(
    '%s is not',
    (name) => expect(isSecretName(name)).toBe(false),
  )
})

describe('isPrivateJwkMember', () => {
  it('is a matter of the object it is in', () => {
    expect(isPrivateJwkMember('d', { kty: 'EC', d: 'x' })).toBe(true)
    expect(isPrivateJwkMember('x', { kty: 'EC', x: 'x' })).toBe(false)
    expect(isPrivateJwkMember('d', { d: 'x' })).toBe(false)
  })
})
