import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { encodeTime } from './certificate-time.ts'
import { DerReader } from './der-reader.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { basicConstraints, encodeExtension, keyUsage } from './encode-extensions.ts'
import { encodeName } from './name.ts'
import { encodeOid, Oid } from './oid.ts'
import { encodeSerial } from './serial-number.ts'
import { type CertificateFields, signCertificate } from './sign-certificate.ts'
import { subjectAltName } from './subject-alt-name.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const NULL = encodeElement(DerTag.null)
const TRUE = encodeElement(DerTag.boolean, Uint8Array.of(0xff))

const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' })

/** A certificate that has nothing wrong except what is passed. */
function certificate(fields: Partial<CertificateFields> = {}): Uint8Array {
  return signCertificate(key, {
    serial: encodeSerial(Uint8Array.of(1)),
    issuer: encodeName({ commonName: 'ca' }),
    subject: encodeName({}),
    notBefore: encodeTime(NOW),
    notAfter: encodeTime(NOW + 60),
    spki: nodeCrypto.exportSpki(key.publicJwk),
    extensions: [basicConstraints(undefined)],
    ...fields,
  }) as Uint8Array
}

/** The same with other top-level elements: signed part, algorithm, signature. */
function reassemble(change: (parts: Uint8Array[]) => Uint8Array[]): Uint8Array {
  const reader = new DerReader(certificate()).enter(DerTag.sequence)
  return encodeElement(DerTag.sequence, ...change([reader.next().raw, reader.next().raw, reader.next().raw]))
}

/** The same with other fields in the signed part. */
function withTbs(change: (fields: Uint8Array[]) => Uint8Array[]): Uint8Array {
  return reassemble(([tbs = NULL, ...rest]) => {
    const fields: Uint8Array[] = []
    for (const reader = new DerReader(tbs).enter(DerTag.sequence); !reader.isAtEnd; ) fields.push(reader.next().raw)
    return [encodeElement(DerTag.sequence, ...change(fields)), ...rest]
  })
}

const extension = (oid: string, value: Uint8Array, isCritical = false) =>
  encodeExtension(encodeOid(oid), isCritical, value)

describe('parseCertificate', () => {
  it('reads all fields', () => {
    const parsed = parseCertificate(
      certificate({
        serial: encodeSerial(Uint8Array.of(0x80, 1)),
        extensions: [
          basicConstraints({ pathLength: 3 }),
          keyUsage('keyCertSign'),
          subjectAltName({ uris: ['spiffe://a/b'], dnsNames: ['a.example'], ipAddresses: [Uint8Array.of(1, 2, 3, 4)] }),
          extension('1.2.3.4', NULL, true),
          extension('1.2.3.5', NULL),
        ],
      }),
    )
    expect(parsed).toMatchObject({
      serial: Uint8Array.of(0x80, 1),
      signatureAlgorithm: 'ES256',
      issuer: encodeName({ commonName: 'ca' }),
      subject: encodeName({}),
      notBefore: NOW,
      notAfter: NOW + 60,
      spki: new Uint8Array(nodeCrypto.exportSpki(key.publicJwk)),
      isCa: true,
      pathLength: 3,
      isKeyUsageCritical: true,
      extKeyUsage: undefined,
      uriSans: ['spiffe://a/b'],
      dnsSans: ['a.example'],
      ipSans: [Uint8Array.of(1, 2, 3, 4)],
      isSubjectAltNameCritical: false,
      unknownCriticalExtensions: ['1.2.3.4'],
    })
    expect([...(parsed.keyUsage ?? [])]).toEqual(['keyCertSign'])
  })

  it('reads a certificate without extensions as an end entity', () => {
    expect(parseCertificate(withTbs((fields) => fields.slice(0, -1)))).toMatchObject({ isCa: false, uriSans: [] })
  })

  it('keeps a copy of its input', () => {
    const der = certificate()
    const parsed = parseCertificate(der)
    der.fill(0)
    expect(parsed.raw[0]).toBe(DerTag.sequence)
    expect(parsed.tbs[0]).toBe(DerTag.sequence)
  })

  it('does not know RSASSA-PSS, but reads the rest', () => {
    const algorithm = encodeElement(DerTag.sequence, encodeOid('1.2.840.113549.1.1.10'))
    const der = withTbs((fields) => fields.with(2, algorithm))
    const parts = new DerReader(der).enter(DerTag.sequence)
    const tbs = parts.next().raw
    parts.next()
    const pss = encodeElement(DerTag.sequence, tbs, algorithm, parts.next().raw)
    expect(parseCertificate(pss).signatureAlgorithm).toBeUndefined()
  })

  it('refuses more than 64 KiB', () => {
    const tooLarge = expect.objectContaining({ code: 'ERR_CERTIFICATE_TOO_LARGE' })
    expect(() => parseCertificate(new Uint8Array(64 * 1024 + 1))).toThrow(tooLarge)
  })

  it('refuses two extensions of one kind, known or not', () => {
    const duplicate = expect.objectContaining({ code: 'ERR_CERTIFICATE_DUPLICATE_EXTENSION' })
    for (const twice of [basicConstraints(undefined), extension('1.2.3.4', NULL)]) {
      expect(() => parseCertificate(certificate({ extensions: [twice, twice] }))).toThrow(duplicate)
    }
  })

  const integer = (...bytes: number[]) => encodeElement(DerTag.integer, Uint8Array.from(bytes))
  it.each([
    ['trailing bytes', Uint8Array.from([...certificate(), 0])],
    ['a fourth part', reassemble((parts) => [...parts, NULL])],
    ['no signature', reassemble((parts) => parts.slice(0, 2))],
    [
      'a signature of 7 bits',
      reassemble((parts) => parts.with(2, encodeElement(DerTag.bitString, Uint8Array.of(1, 2)))),
    ],
    [
      'different algorithms',
      reassemble((parts) => parts.with(1, encodeElement(DerTag.sequence, encodeOid(Oid.ed25519)))),
    ],
    ['version 1', withTbs((fields) => fields.slice(1))],
    ['version 2', withTbs((fields) => fields.with(0, encodeElement(0xa0, integer(1))))],
    ['a version of two numbers', withTbs((fields) => fields.with(0, encodeElement(0xa0, integer(2), NULL)))],
    [
      'two lists of extensions',
      withTbs((fields) =>
        fields.with(-1, encodeElement(0xa3, encodeElement(DerTag.sequence, basicConstraints(undefined)), NULL)),
      ),
    ],
    [
      'basic constraints of three parts',
      certificate({
        extensions: [extension(Oid.basicConstraints, encodeElement(DerTag.sequence, TRUE, integer(0), NULL))],
      }),
    ],
    ['serial number zero', certificate({ serial: integer(0) })],
    ['a negative serial number', certificate({ serial: integer(0x80) })],
    ['a serial number of 21 bytes', certificate({ serial: integer(...new Array(21).fill(1)) })],
    ['an empty issuer', certificate({ issuer: encodeName({}) })],
    ['an issuer that is no name', certificate({ issuer: encodeElement(DerTag.sequence, NULL) })],
    ['a subject that is no name', certificate({ subject: encodeElement(DerTag.sequence, NULL) })],
    ['a third time', certificate({ notAfter: Uint8Array.from([...encodeTime(NOW), ...encodeTime(NOW)]) })],
    ['a unique identifier', withTbs((fields) => fields.toSpliced(-1, 0, Uint8Array.of(0x81, 2, 0, 1)))],
    ['a field after the extensions', withTbs((fields) => [...fields, NULL])],
    ['no extension in the list', certificate({ extensions: [] })],
    [
      'an extension with four parts',
      certificate({
        extensions: [encodeElement(DerTag.sequence, encodeOid('1.2.3'), TRUE, encodeElement(DerTag.octetString), NULL)],
      }),
    ],
    [
      'critical written as false',
      certificate({
        extensions: [
          encodeElement(
            DerTag.sequence,
            encodeOid('1.2.3'),
            encodeElement(DerTag.boolean, Uint8Array.of(0)),
            encodeElement(DerTag.octetString),
          ),
        ],
      }),
    ],
    [
      'basic constraints with cA written as false',
      certificate({
        extensions: [
          extension(
            Oid.basicConstraints,
            encodeElement(DerTag.sequence, encodeElement(DerTag.boolean, Uint8Array.of(0))),
          ),
        ],
      }),
    ],
    [
      'a path length without CA',
      certificate({ extensions: [extension(Oid.basicConstraints, encodeElement(DerTag.sequence, integer(0)))] }),
    ],
    [
      'a negative path length',
      certificate({
        extensions: [extension(Oid.basicConstraints, encodeElement(DerTag.sequence, TRUE, integer(0xff)))],
      }),
    ],
    [
      'bytes after an extension value',
      certificate({ extensions: [extension(Oid.basicConstraints, Uint8Array.of(0x30, 0, 5, 0))] }),
    ],
    [
      'an empty extended key usage',
      certificate({ extensions: [extension(Oid.extendedKeyUsage, encodeElement(DerTag.sequence))] }),
    ],
    [
      'an empty alternative name',
      certificate({ extensions: [extension(Oid.subjectAltName, encodeElement(DerTag.sequence))] }),
    ],
    [
      'an alternative name of no known form',
      certificate({ extensions: [extension(Oid.subjectAltName, encodeElement(DerTag.sequence, NULL))] }),
    ],
    ['an IP address of 5 bytes', certificate({ extensions: [subjectAltName({ ipAddresses: [new Uint8Array(5)] })] })],
    ['a URI with a zero byte', certificate({ extensions: [subjectAltName({ uris: ['spiffe://a/b\u0000c'] })] })],
    [
      'empty name constraints',
      certificate({ extensions: [extension(Oid.nameConstraints, encodeElement(DerTag.sequence))] }),
    ],
    [
      'an authority key identifier of another form',
      certificate({ extensions: [extension(Oid.authorityKeyIdentifier, encodeElement(DerTag.sequence, NULL))] }),
    ],
  ])('refuses %s', (_, der) => {
    expect(() => parseCertificate(der)).toThrow(malformed)
  })

  it('reads alternative names of other forms without using them', () => {
    const email = encodeElement(0x81, new TextEncoder().encode('a@example.org'))
    const names = extension(Oid.subjectAltName, encodeElement(DerTag.sequence, email), true)
    const parsed = parseCertificate(certificate({ extensions: [names] }))
    expect(parsed).toMatchObject({ uriSans: [], dnsSans: [], isSubjectAltNameCritical: true })
  })

  describe('on damaged input', () => {
    const intact = buildCaCertificate({
      key,
      crypto: nodeCrypto,
      subject: { commonName: 'root' },
      trustDomain: 'example.org',
      notBefore: NOW,
      notAfter: NOW + 60,
      serial: Uint8Array.of(1),
    }) as Uint8Array

    const onlyCertificateErrors = (der: Uint8Array) => {
      try {
        parseCertificate(der)
      } catch (error) {
        expect(error).toBeInstanceOf(CertificateError)
      }
    }

    it('throws nothing but CertificateError when bytes change', () => {
      const change = fc.tuple(fc.nat(intact.length - 1), fc.nat(255))
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
          const damaged = intact.slice()
          for (const [index, byte] of changes) damaged[index] = byte
          onlyCertificateErrors(damaged)
        }),
        { numRuns: 2000 },
      )
    })

    it('refuses every truncation', () => {
      for (let length = 0; length < intact.length; length++) {
        expect(() => parseCertificate(intact.subarray(0, length))).toThrow(malformed)
      }
    })

    it('throws nothing but CertificateError on random bytes in a sequence', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
          onlyCertificateErrors(bytes)
          onlyCertificateErrors(encodeElement(DerTag.sequence, encodeElement(DerTag.sequence, bytes)))
        }),
      )
    })
  })
})
