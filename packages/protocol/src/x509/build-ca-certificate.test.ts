import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate, type CaCertificateRequest } from './build-ca-certificate.ts'
import { bytesEqual } from './bytes.ts'
import { parseCertificate } from './certificate.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const code = (value: string) => expect.objectContaining({ code: value })

function build(change: Partial<CaCertificateRequest> = {}): Uint8Array {
  return buildCaCertificate({
    key,
    crypto: nodeCrypto,
    subject: { commonName: 'root' },
    trustDomain: 'example.org',
    notBefore: NOW,
    notAfter: NOW + 3600,
    serial: Uint8Array.of(0x0a, 0xff),
    ...change,
  }) as Uint8Array
}

describe('buildCaCertificate', () => {
  it('says what a signer of a trust domain must say', () => {
    const ca = parseCertificate(build())
    expect(ca).toMatchObject({
      isCa: true,
      pathLength: undefined,
      isKeyUsageCritical: true,
      extKeyUsage: undefined,
      uriSans: ['spiffe://example.org'],
      dnsSans: [],
      notBefore: NOW,
      notAfter: NOW + 3600,
      unknownCriticalExtensions: [],
    })
    expect([...(ca.keyUsage ?? [])]).toEqual(['keyCertSign', 'cRLSign'])
    expect(ca.issuer).toEqual(ca.subject)
    expect(ca.subjectKeyId).toHaveLength(20)
    expect(ca.authorityKeyId).toEqual(ca.subjectKeyId)
  })

  it('gives two roots different names and key identifiers', () => {
    const first = parseCertificate(build())
    const second = parseCertificate(build({ key: generateSigningKey('ES256'), serial: Uint8Array.of(2) }))
    expect(bytesEqual(first.subject, second.subject)).toBe(false)
    expect(second.subjectKeyId).not.toEqual(first.subjectKeyId)
  })

  it('names the certificate after its serial number unless told otherwise', () => {
    expect(new X509Certificate(build()).subject).toBe('CN=root\nserialNumber=0aff')
    const subject = { organization: 'Example', commonName: 'root', serialNumber: '7' }
    expect(new X509Certificate(build({ subject })).subject).toBe('O=Example\nCN=root\nserialNumber=7')
  })

  it('waits for an asynchronous key and backend', async () => {
    const built = buildCaCertificate({
      key: { alg: key.alg, publicJwk: key.publicJwk, sign: async (data) => key.sign(data) },
      crypto: {
        exportSpki: async (jwk) => nodeCrypto.exportSpki(jwk),
        sha256: async (data) => nodeCrypto.sha256(data),
      },
      subject: { commonName: 'root' },
      trustDomain: 'example.org',
      notBefore: NOW,
      notAfter: NOW + 3600,
      serial: Uint8Array.of(1),
    })
    expect(built).toBeInstanceOf(Promise)
    expect(new X509Certificate(await built).ca).toBe(true)
  })

  it.each<[string, Partial<CaCertificateRequest>]>([
    ['ERR_CERTIFICATE_SUBJECT', { subject: { commonName: '' } }],
    ['ERR_CERTIFICATE_SERIAL', { serial: Uint8Array.of(0) }],
    ['ERR_CERTIFICATE_VALIDITY', { notAfter: NOW - 1 }],
    ['ERR_CERTIFICATE_VALIDITY', { notBefore: NOW + 0.5 }],
    ['ERR_CERTIFICATE_ALGORITHM', { key: generateSigningKey('PS256') }],
    ['ERR_IDENTIFIER_TRUST_DOMAIN', { trustDomain: 'example.org/path' }],
  ])('refuses with %s', (expected, change) => {
    expect(() => build(change)).toThrow(code(expected))
  })
})
