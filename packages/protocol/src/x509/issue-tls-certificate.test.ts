import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { parseCertificate } from './certificate.ts'
import { issueTlsCertificate, type TlsCertificateRequest } from './issue-tls-certificate.ts'
import { Oid } from './oid.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const certificate = buildCaCertificate({
  key,
  crypto: nodeCrypto,
  subject: { commonName: 'root' },
  trustDomain: 'example.org',
  notBefore: NOW,
  notAfter: NOW + 3600,
  serial: Uint8Array.of(1),
}) as Uint8Array

function issue(change: Partial<TlsCertificateRequest> = {}): Uint8Array {
  return issueTlsCertificate({
    issuer: { certificate, key },
    publicKeySpki: nodeCrypto.exportSpki(key.publicJwk),
    dnsNames: ['server.example'],
    notBefore: NOW,
    notAfter: NOW + 60,
    serial: Uint8Array.of(2),
    ...change,
  }) as Uint8Array
}

describe('issueTlsCertificate', () => {
  it('names hosts and addresses and no workload', () => {
    const leaf = parseCertificate(issue({ ipAddresses: ['127.0.0.1', '::1'] }))
    expect(leaf).toMatchObject({
      uriSans: [],
      dnsSans: ['server.example'],
      extKeyUsage: [Oid.serverAuth],
      isCa: false,
    })
    expect(leaf.ipSans.map((address) => address.length)).toEqual([4, 16])
    const seen = new X509Certificate(leaf.raw)
    expect(seen.checkHost('server.example')).toBe('server.example')
    expect(seen.checkHost('other.example')).toBeUndefined()
    expect(seen.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(seen.checkIP('::1')).toBe('::1')
  })

  it('may name addresses only', () => {
    expect(new X509Certificate(issue({ dnsNames: [], ipAddresses: ['10.0.0.1'] })).checkIP('10.0.0.1')).toBe('10.0.0.1')
  })

  it.each<[string, Partial<TlsCertificateRequest>]>([
    ['ERR_CERTIFICATE_DNS_NAME', { dnsNames: [] }],
    ['ERR_CERTIFICATE_DNS_NAME', { dnsNames: ['10.0.0.1'] }],
    ['ERR_CERTIFICATE_DNS_NAME', { dnsNames: ['*.example.org'] }],
    ['ERR_CERTIFICATE_IP_ADDRESS', { ipAddresses: ['server.example'] }],
    ['ERR_CERTIFICATE_VALIDITY', { notAfter: NOW + 3601 }],
  ])('refuses with %s', (expected, change) => {
    expect(() => issue(change)).toThrow(expect.objectContaining({ code: expected }))
  })
})
