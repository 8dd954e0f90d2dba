import { describe, expect, it } from 'vitest'
import { spiffeId, WorkloadId } from '../identifier/workload-id.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { parseCertificate } from './certificate.ts'
import { issueX509Svid, type X509SvidRequest } from './issue-x509-svid.ts'
import { encodeName } from './name.ts'
import { Oid } from './oid.ts'
import { type VerifiedX509Svid, verifyX509Svid } from './verify-x509-svid.ts'
import { X509Issuer } from './x509-issuer.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const root = buildCaCertificate({
  key,
  crypto: nodeCrypto,
  subject: { commonName: 'root' },
  trustDomain: 'example.org',
  notBefore: NOW,
  notAfter: NOW + 3600,
  serial: Uint8Array.of(1),
}) as Uint8Array
const issuer = new X509Issuer({ certificate: root, key })
const publicKeySpki = nodeCrypto.exportSpki(generateSigningKey('ES256').publicJwk)
const code = (reason: string) => expect.objectContaining({ code: `ERR_CERTIFICATE_${reason}` })

function issue(change: Partial<X509SvidRequest> = {}): Uint8Array {
  return issueX509Svid({
    issuer,
    publicKeySpki,
    subject: spiffeId('example.org', '/ns/payments'),
    notBefore: NOW,
    notAfter: NOW + 60,
    serial: Uint8Array.of(0x7f, 1),
    ...change,
  }) as Uint8Array
}

describe('issueX509Svid', () => {
  it('says what an X509-SVID must say, and no more', () => {
    const leaf = parseCertificate(issue({ dnsNames: ['a.example', 'b.example'] }))
    expect(leaf).toMatchObject({
      serial: Uint8Array.of(0x7f, 1),
      issuer: issuer.certificate.subject,
      subject: encodeName({ organization: 'Countersign' }),
      notBefore: NOW,
      notAfter: NOW + 60,
      spki: new Uint8Array(publicKeySpki),
      uriSans: ['spiffe://example.org/ns/payments'],
      dnsSans: ['a.example', 'b.example'],
      ipSans: [],
      isCa: false,
      isKeyUsageCritical: true,
      extKeyUsage: [Oid.serverAuth, Oid.clientAuth],
      authorityKeyId: issuer.certificate.subjectKeyId,
      unknownCriticalExtensions: [],
    })
    expect([...(leaf.keyUsage ?? [])]).toEqual(['digitalSignature'])
  })

  it('is accepted by the verifier for both sides', () => {
    for (const usage of ['serverAuth', 'clientAuth'] as const) {
      const options = { chain: [issue()], roots: () => [root], now: NOW, crypto: nodeCrypto, usage }
      expect((verifyX509Svid(options) as VerifiedX509Svid).id.toString()).toBe('spiffe://example.org/ns/payments')
    }
  })

  it('gives the same bytes from a plain issuer', () => {
    const unsigned = (der: Uint8Array) => parseCertificate(der).tbs
    expect(unsigned(issue({ issuer: { certificate: root, key } }))).toEqual(unsigned(issue()))
  })

  it('puts a common name beside the organization', () => {
    const expected = encodeName({ organization: 'Countersign', commonName: 'payments' })
    expect(parseCertificate(issue({ commonName: 'payments' })).subject).toEqual(expected)
    expect(() => issue({ commonName: '' })).toThrow(code('SUBJECT'))
  })

  it('writes every second anew', () => {
    for (const notBefore of [NOW, NOW + 1, NOW]) {
      const leaf = parseCertificate(issue({ notBefore, notAfter: notBefore + 30 }))
      expect([leaf.notBefore, leaf.notAfter]).toEqual([notBefore, notBefore + 30])
    }
  })

  it('carries identifiers and names of every length', () => {
    for (const length of [1, 60, 90, 120, 130, 250, 2000]) {
      const subject = spiffeId('example.org', `/${'a'.repeat(length)}`)
      expect(parseCertificate(issue({ subject })).uriSans).toEqual([subject.toString()])
    }
  })

  it('refuses a subject of another trust domain than its issuer', () => {
    expect(() => issue({ subject: spiffeId('other.example', '/a') })).toThrow(code('SUBJECT'))
    expect(() => issue({ subject: WorkloadId.parse('wimse://example.org/a') })).toThrow(code('SUBJECT'))
  })

  it.each<[string, Partial<X509SvidRequest>]>([
    ['DNS_NAME', { dnsNames: ['Not.Lower'] }],
    ['DNS_NAME', { dnsNames: ['a.example', 'a.example'] }],
    ['DNS_NAME', { dnsNames: ['*.example.org'] }],
    ['VALIDITY', { notAfter: NOW + 3601 }],
    ['SERIAL', { serial: new Uint8Array(16) }],
    ['KEY', { publicKeySpki: new Uint8Array() }],
  ])('refuses with %s', (reason, change) => {
    expect(() => issue(change)).toThrow(code(reason))
  })

  it('issues a wildcard only when it is asked to', () => {
    const leaf = parseCertificate(issue({ dnsNames: ['*.example.org'], allowWildcard: true }))
    expect(leaf.dnsSans).toEqual(['*.example.org'])
  })
})
