import { X509Certificate as NodeCertificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { SigningKey } from '../keys/crypto-backend.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { parseCertificate } from './certificate.ts'
import { encodeTime } from './certificate-time.ts'
import { basicConstraints, keyUsage } from './encode-extensions.ts'
import { leafSubject } from './leaf-subject.ts'
import { encodeName } from './name.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { type LeafFields, X509Issuer } from './x509-issuer.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const spki = nodeCrypto.exportSpki(generateSigningKey('EdDSA').publicJwk)
const code = (reason: string) => expect.objectContaining({ code: `ERR_CERTIFICATE_${reason}` })

const root = buildCaCertificate({
  key,
  crypto: nodeCrypto,
  subject: { commonName: 'root' },
  trustDomain: 'example.org',
  notBefore: NOW,
  notAfter: NOW + 100,
  serial: Uint8Array.of(1),
}) as Uint8Array

/** A CA certificate with only these extensions. */
function ca(extensions: readonly Uint8Array[], subject = encodeName({ commonName: 'ca' })): Uint8Array {
  return signCertificate(key, {
    serial: encodeSerial(Uint8Array.of(1)),
    issuer: encodeName({ commonName: 'ca' }),
    subject,
    notBefore: encodeTime(NOW),
    notAfter: encodeTime(NOW + 100),
    spki: nodeCrypto.exportSpki(key.publicJwk),
    extensions,
  }) as Uint8Array
}

function issue(issuer: X509Issuer, change: Partial<LeafFields> = {}): Uint8Array {
  return issuer.issueLeaf({
    serial: Uint8Array.of(5),
    notBefore: NOW,
    notAfter: NOW + 100,
    subject: leafSubject(),
    publicKeySpki: spki,
    extensions: [],
    ...change,
  }) as Uint8Array
}

describe('X509Issuer', () => {
  it.each<[string, Uint8Array, SigningKey]>([
    ['a certificate that is no CA', ca([basicConstraints(undefined), keyUsage('keyCertSign')]), key],
    ['a key that may not sign certificates', ca([basicConstraints({}), keyUsage('cRLSign')]), key],
    ['a certificate without a subject', ca([basicConstraints({})], encodeName({})), key],
    ['another key', root, generateSigningKey('ES256')],
    ['a key of another type', root, generateSigningKey('EdDSA')],
  ])('refuses %s', (_, certificate, signingKey) => {
    expect(() => new X509Issuer({ certificate, key: signingKey })).toThrow(code('ISSUER'))
  })

  it('refuses RSASSA-PSS when it is made, not when it first issues', () => {
    const rsa = generateSigningKey('RS256')
    const certificate = buildCaCertificate({
      key: rsa,
      crypto: nodeCrypto,
      subject: { commonName: 'root' },
      trustDomain: 'example.org',
      notBefore: NOW,
      notAfter: NOW + 100,
      serial: Uint8Array.of(1),
    }) as Uint8Array
    const pss: SigningKey = { alg: 'PS256', publicJwk: rsa.publicJwk, sign: (data) => rsa.sign(data) }
    expect(() => new X509Issuer({ certificate, key: pss })).toThrow(code('ALGORITHM'))
  })

  it('points to its key, if it has an identifier', () => {
    const issuer = new X509Issuer({ certificate: root, key })
    expect(parseCertificate(issue(issuer)).authorityKeyId).toEqual(issuer.certificate.subjectKeyId)
    const silent = new X509Issuer({ certificate: ca([basicConstraints({})]), key })
    expect(parseCertificate(issue(silent)).authorityKeyId).toBeUndefined()
  })

  it('is not made again from itself', () => {
    const issuer = new X509Issuer({ certificate: root, key })
    expect(X509Issuer.from(issuer)).toBe(issuer)
  })

  it.each<[string, Partial<LeafFields>]>([
    ['VALIDITY', { notAfter: NOW + 101 }],
    ['VALIDITY', { notBefore: NOW + 51, notAfter: NOW + 50 }],
    ['VALIDITY', { notAfter: Number.NaN }],
    ['SERIAL', { serial: Uint8Array.of(0) }],
    ['SERIAL', { serial: new Uint8Array(21).fill(1) }],
    ['KEY', { publicKeySpki: Uint8Array.of(0x30, 0) }],
    ['KEY', { publicKeySpki: Uint8Array.from([...spki, 0]) }],
  ])('refuses to issue with %s', (reason, change) => {
    expect(() => issue(new X509Issuer({ certificate: root, key }), change)).toThrow(code(reason))
  })

  it('issues the same with a key that has no DER form of its own', () => {
    const plain: SigningKey = { alg: key.alg, publicJwk: key.publicJwk, sign: (data) => key.sign(data) }
    const own = issue(new X509Issuer({ certificate: root, key }))
    const converted = issue(new X509Issuer({ certificate: root, key: plain }))
    expect(parseCertificate(converted).tbs).toEqual(parseCertificate(own).tbs)
    const ca = new NodeCertificate(root)
    for (const der of [own, converted]) expect(new NodeCertificate(der).verify(ca.publicKey)).toBe(true)
  })

  it('gives each certificate memory of its own', () => {
    const issuer = new X509Issuer({ certificate: root, key })
    const first = issue(issuer, { serial: Uint8Array.of(1) })
    const copy = first.slice()
    for (let serial = 2; serial < 100; serial++) issue(issuer, { serial: Uint8Array.of(serial) })
    expect(first).toEqual(copy)
    expect(first.buffer.byteLength).toBe(first.length)
  })

  it('waits for an asynchronous key', async () => {
    const slow: SigningKey = { alg: key.alg, publicJwk: key.publicJwk, sign: async (data) => key.sign(data) }
    const issuer = new X509Issuer({ certificate: root, key: slow })
    const certificates = await Promise.all([1, 2, 3].map((serial) => issue(issuer, { serial: Uint8Array.of(serial) })))
    expect(certificates.map((der) => parseCertificate(der).serial)).toEqual(
      [1, 2, 3].map((serial) => Uint8Array.of(serial)),
    )
  })
})
