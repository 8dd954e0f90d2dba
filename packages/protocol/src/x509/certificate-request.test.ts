import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { expectCode, promisedCrypto } from '@countersign/testing'
import * as peculiar from '@peculiar/x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64 } from '../encoding/base64.ts'
import { spiffeId } from '../identifier/workload-id.ts'
import type { SigningKey } from '../keys/crypto-backend.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { parseCertificateRequest } from './certificate-request.ts'
import { constructedTag, DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import { basicConstraints, keyUsage } from './encode-extensions.ts'
import { issueX509Svid } from './issue-x509-svid.ts'
import { encodeName } from './name.ts'
import { encodeOid, Oid } from './oid.ts'
import { encodeSignature, encodeSignatureAlgorithm } from './signature-algorithm.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { type VerifiedCertificateRequest, verifyCertificateRequest } from './verify-certificate-request.ts'

const NOW = 1_800_000_000
const key = generateSigningKey('ES256')
const rsaKey = generateSigningKey('RS256')

const integer = (value: number) => encodeElement(DerTag.integer, Uint8Array.of(value))
const set = (...values: Uint8Array[]) => encodeElement(DerTag.set, ...values)
const sequence = (...parts: Uint8Array[]) => encodeElement(DerTag.sequence, ...parts)
const attributes = (...list: Uint8Array[]) => encodeElement(constructedTag(0), ...list)
const attribute = (type: string, values: Uint8Array) => sequence(encodeOid(type), values)
const bits = (bytes: Uint8Array, unused = 0) => encodeElement(DerTag.bitString, Uint8Array.of(unused), bytes)
const extensionRequest = (...extensions: Uint8Array[]) => attribute(Oid.extensionRequest, set(sequence(...extensions)))

const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'
const NAMES = extensionRequest(subjectAltName({ uris: ['spiffe://example.org/a'], dnsNames: ['a.example'] }))

interface Parts {
  readonly signer?: SigningKey
  readonly version?: Uint8Array
  readonly subject?: Uint8Array
  readonly spki?: Uint8Array
  readonly attributes?: Uint8Array
  /** After the attributes. */
  readonly more?: Uint8Array
  readonly algorithm?: Uint8Array
  readonly signature?: (signature: Uint8Array) => Uint8Array
  /** After the signature. */
  readonly end?: Uint8Array
}

const NOTHING = new Uint8Array()

/** A request that has nothing wrong except what is passed: signed over what it then says. */
function request(parts: Parts = {}): Uint8Array {
  const signer = parts.signer ?? key
  const info = sequence(
    parts.version ?? integer(0),
    parts.subject ?? encodeName({ commonName: 'a' }),
    parts.spki ?? (nodeCrypto.exportSpki(signer.publicJwk) as Uint8Array),
    parts.attributes ?? attributes(NAMES),
    parts.more ?? NOTHING,
  )
  const signature = encodeSignature(signer.alg, signer.sign(info) as Uint8Array)
  const algorithm = parts.algorithm ?? encodeSignatureAlgorithm(signer.alg)
  return sequence(info, algorithm, parts.signature?.(signature) ?? bits(signature), parts.end ?? NOTHING)
}

const verify = (der: Uint8Array) => verifyCertificateRequest(der, nodeCrypto) as VerifiedCertificateRequest

/** RFC 4055 section 3.1, with the parameters' parts to choose. */
function pss(options: { hash?: string; mask?: string; salt?: number; parameters?: Uint8Array } = {}): Uint8Array {
  const { hash = Oid.sha256, mask = hash, salt = 32, parameters = encodeElement(DerTag.null) } = options
  return sequence(
    encodeOid(Oid.rsassaPss),
    sequence(
      encodeElement(constructedTag(0), sequence(encodeOid(hash), parameters)),
      encodeElement(constructedTag(1), sequence(encodeOid(Oid.mgf1), sequence(encodeOid(mask), parameters))),
      encodeElement(constructedTag(2), integer(salt)),
    ),
  )
}

function pssKey(alg: 'PS256' | 'PS384' | 'PS512'): SigningKey {
  return generateSigningKey(alg)
}

describe('verifyCertificateRequest', () => {
  it.each(['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'RS384', 'RS512'] as const)('accepts %s', (alg) => {
    const signer = generateSigningKey(alg)
    const verified = verify(request({ signer }))
    expect(verified.publicKeySpki).toEqual(new Uint8Array(nodeCrypto.exportSpki(signer.publicJwk)))
    const { alg: _, ...jwk } = signer.publicJwk
    expect(verified.publicJwk).toEqual(jwk)
    expect(verified.requestedNames).toEqual({
      uris: ['spiffe://example.org/a'],
      dnsNames: ['a.example'],
      ipAddresses: [],
    })
  })

  it.each([
    ['PS256', Oid.sha256, 32],
    ['PS384', Oid.sha384, 48],
    ['PS512', Oid.sha512, 64],
  ] as const)('accepts %s, with and without NULL parameters', (alg, hash, salt) => {
    const signer = pssKey(alg)
    for (const parameters of [NOTHING, encodeElement(DerTag.null)]) {
      expect(verify(request({ signer, algorithm: pss({ hash, salt, parameters }) })).publicJwk.kty).toBe('RSA')
    }
  })

  it('waits for an asynchronous backend', async () => {
    expect((await verifyCertificateRequest(request(), promisedCrypto(nodeCrypto))).publicJwk.kty).toBe('EC')
    await expectCode(
      () => verifyCertificateRequest(request({ signature: () => bits(forged()) }), promisedCrypto(nodeCrypto)),
      'ERR_CERTIFICATE_POSSESSION',
    )
  })

  it('gives the public key that an X509-SVID is issued for', () => {
    const root = buildCaCertificate({
      key,
      crypto: nodeCrypto,
      subject: { commonName: 'root' },
      trustDomain: 'example.org',
      notBefore: NOW,
      notAfter: NOW + 3600,
      serial: Uint8Array.of(1),
    }) as Uint8Array
    const { publicKeySpki } = verify(request({ signer: rsaKey }))
    const subject = spiffeId('example.org', '/b')
    const times = { notBefore: NOW, notAfter: NOW + 60 }
    const svid = issueX509Svid({
      issuer: { certificate: root, key },
      publicKeySpki,
      subject,
      ...times,
      serial: Uint8Array.of(2),
    }) as Uint8Array
    expect(parseCertificate(svid)).toMatchObject({
      spki: publicKeySpki,
      uriSans: ['spiffe://example.org/b'],
      dnsSans: [],
    })
  })

  it('keeps what it verified, whatever happens to the input', () => {
    const der = request()
    const verified = verify(der)
    const before = verified.publicKeySpki.slice()
    der.fill(0)
    expect(verified.publicKeySpki).toEqual(before)
  })
})

/** A signature of the right shape over something else. */
function forged(): Uint8Array {
  return encodeSignature('ES256', key.sign(Uint8Array.of(1)))
}

describe('verifyCertificateRequest refuses', () => {
  const other = generateSigningKey('ES256')
  const otherSpki = nodeCrypto.exportSpki(other.publicJwk)
  const offCurve = nodeCrypto.exportSpki(key.publicJwk).slice()
  offCurve[offCurve.length - 1] = (offCurve[offCurve.length - 1] as number) ^ 1

  it.each<[string, Uint8Array]>([
    ['a signature over something else', request({ signature: () => bits(forged()) })],
    ['a key of somebody else', request({ spki: otherSpki })],
    ['a signature that is not DER', request({ signature: () => bits(new Uint8Array(64).fill(1)) })],
    [
      'PSS with another salt than it states',
      request({ signer: pssKey('PS256'), algorithm: pss({ hash: Oid.sha384, salt: 48 }) }),
    ],
    ['PKCS #1 v1.5 that calls itself PSS', request({ signer: rsaKey, algorithm: pss() })],
  ])('%s', async (_, der) => {
    await expectCode(() => verify(der), 'ERR_CERTIFICATE_POSSESSION')
  })

  it('any single changed byte of what is signed', () => {
    const der = request()
    const end = der.length - 90
    fc.assert(
      fc.property(fc.integer({ min: 0, max: end }), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const changed = der.slice()
        changed[index] = (changed[index] as number) ^ mask
        expect(() => verify(changed)).toThrow(CertificateError)
      }),
    )
  })

  it.each<[string, Uint8Array]>([
    ['an algorithm that is not supported', sequence(encodeOid('1.2.840.113549.1.1.5'), encodeElement(DerTag.null))],
    ['ECDSA with parameters', sequence(encodeOid(Oid.ecdsaWithSha256), encodeElement(DerTag.null))],
    ['PSS with a short salt', pss({ salt: 20 })],
    ['PSS with another hash for its mask', pss({ mask: Oid.sha512 })],
    ['PSS without parameters', sequence(encodeOid(Oid.rsassaPss))],
  ])('%s', async (_, algorithm) => {
    await expectCode(() => verify(request({ algorithm })), 'ERR_CERTIFICATE_ALGORITHM')
  })

  it.each<[string, Uint8Array]>([
    [
      'a hash that does not fit the curve',
      request({ algorithm: encodeSignatureAlgorithm('ES384'), signature: () => bits(forged()) }),
    ],
    ['an algorithm of another kind of key', request({ signer: rsaKey, algorithm: encodeSignatureAlgorithm('EdDSA') })],
    ['an RSA key of 1024 bits', request({ spki: rsaSpki(128) })],
    ['an RSA key with exponent 1', request({ spki: rsaSpki(256, 1) })],
    ['a key that is not one', request({ spki: sequence(NOTHING) })],
    ['a point that is not on its curve', request({ spki: offCurve })],
    [
      'an unknown kind of key',
      request({ spki: sequence(sequence(encodeOid('1.3.101.110')), bits(new Uint8Array(32))) }),
    ],
  ])('%s', async (_, der) => {
    await expectCode(() => verify(der), 'ERR_CERTIFICATE_KEY')
  })

  it('what a backend calls something other than true', async () => {
    const odd = { importPublicJwk: () => ({ alg: 'ES256' as const, verify: () => 'yes' as unknown as boolean }) }
    await expectCode(() => verifyCertificateRequest(request(), odd), 'ERR_CERTIFICATE_POSSESSION')
  })

  it('to hide a fault of its backend', () => {
    const broken = {
      importPublicJwk(): never {
        throw new RangeError('broken')
      },
    }
    expect(() => verifyCertificateRequest(request(), broken)).toThrow(RangeError)
  })
})

function rsaSpki(bytes: number, exponent = 3): Uint8Array {
  const modulus = new Uint8Array(bytes + 1).fill(0xff)
  modulus[0] = 0
  const rsa = sequence(encodeElement(DerTag.integer, modulus), integer(exponent))
  return sequence(sequence(encodeOid(Oid.rsaEncryption), encodeElement(DerTag.null)), bits(rsa))
}

describe('parseCertificateRequest', () => {
  it('reads a request without attributes', () => {
    const parsed = parseCertificateRequest(request({ attributes: attributes(), subject: encodeName({}) }))
    expect(parsed.requestedNames).toEqual({ uris: [], dnsNames: [], ipAddresses: [] })
    expect(parsed.subject).toEqual(encodeName({}))
  })

  it('ignores attributes and extensions that it has no use for', () => {
    const parsed = parseCertificateRequest(
      request({
        attributes: attributes(
          attribute(CHALLENGE_PASSWORD, set(encodeElement(DerTag.utf8String, Uint8Array.of(0x61)))),
          extensionRequest(
            keyUsage('keyCertSign'),
            basicConstraints({}),
            subjectAltName({ ipAddresses: [Uint8Array.of(192, 0, 2, 1)] }),
          ),
        ),
      }),
    )
    expect(parsed.requestedNames).toEqual({ uris: [], dnsNames: [], ipAddresses: [Uint8Array.of(192, 0, 2, 1)] })
  })

  it('takes a signature by an unknown algorithm for just that', () => {
    expect(parseCertificateRequest(request({ algorithm: pss({ salt: 20 }) })).signatureAlgorithm).toBeUndefined()
  })

  const password = attribute(CHALLENGE_PASSWORD, set(encodeElement(DerTag.utf8String, NOTHING)))
  const trailing = Uint8Array.from([...request(), 0])
  const longForm = Uint8Array.from(request())
  it.each<[string, string, Uint8Array]>([
    ['bytes after it', 'MALFORMED', trailing],
    ['an end too early', 'MALFORMED', request().subarray(0, -1)],
    ['nothing at all', 'MALFORMED', NOTHING],
    ['a length that is not minimal', 'MALFORMED', Uint8Array.from([0x30, 0x83, 0, ...longForm.subarray(2)])],
    ['an indefinite length', 'MALFORMED', Uint8Array.from([0x30, 0x80, ...request().subarray(4), 0, 0])],
    ['a fourth element', 'MALFORMED', request({ end: integer(0) })],
    ['a field after the attributes', 'MALFORMED', request({ more: integer(0) })],
    ['no attributes field', 'MALFORMED', request({ attributes: NOTHING })],
    ['a version 2', 'MALFORMED', request({ version: integer(1) })],
    ['a version 3', 'MALFORMED', request({ version: integer(2) })],
    ['no version', 'MALFORMED', request({ version: NOTHING })],
    ['a version of two bytes', 'MALFORMED', request({ version: encodeElement(DerTag.integer, Uint8Array.of(0, 0)) })],
    ['a subject that is no name', 'MALFORMED', request({ subject: sequence(integer(1)) })],
    ['an empty signature', 'MALFORMED', request({ signature: () => bits(NOTHING) })],
    ['a signature with unused bits', 'MALFORMED', request({ signature: (signature) => bits(signature, 1) })],
    [
      'an attribute without a value',
      'MALFORMED',
      request({ attributes: attributes(attribute(CHALLENGE_PASSWORD, set())) }),
    ],
    [
      'an attribute that is not a set',
      'MALFORMED',
      request({ attributes: attributes(attribute(CHALLENGE_PASSWORD, sequence(integer(1)))) }),
    ],
    [
      'an attribute of three parts',
      'MALFORMED',
      request({ attributes: attributes(sequence(encodeOid(CHALLENGE_PASSWORD), set(integer(1)), integer(1))) }),
    ],
    [
      'a broken attribute value',
      'MALFORMED',
      request({ attributes: attributes(attribute(CHALLENGE_PASSWORD, set(Uint8Array.of(0x0c, 5)))) }),
    ],
    [
      'two lists of extensions in one attribute',
      'MALFORMED',
      request({
        attributes: attributes(
          attribute(
            Oid.extensionRequest,
            set(sequence(keyUsage('digitalSignature')), sequence(subjectAltName({ dnsNames: ['b.example'] }))),
          ),
        ),
      }),
    ],
    ['an empty list of extensions', 'MALFORMED', request({ attributes: attributes(extensionRequest()) })],
    [
      'a name with a control character',
      'MALFORMED',
      request({ attributes: attributes(extensionRequest(subjectAltName({ dnsNames: ['a\0.example'] }))) }),
    ],
    ['one attribute twice', 'DUPLICATE_ATTRIBUTE', request({ attributes: attributes(password, password) })],
    [
      'two extension requests',
      'DUPLICATE_ATTRIBUTE',
      request({ attributes: attributes(NAMES, extensionRequest(subjectAltName({ dnsNames: ['b.example'] }))) }),
    ],
    [
      'one extension twice',
      'DUPLICATE_EXTENSION',
      request({
        attributes: attributes(
          extensionRequest(subjectAltName({ dnsNames: ['a.example'] }), subjectAltName({ dnsNames: ['b.example'] })),
        ),
      }),
    ],
    ['more than 16 KiB', 'TOO_LARGE', new Uint8Array(16 * 1024 + 1)],
  ])('refuses %s', async (_, reason, der) => {
    await expectCode(() => parseCertificateRequest(der), `ERR_CERTIFICATE_${reason}`)
  })

  it('reads up to the limit', () => {
    const filler = (length: number) =>
      request({
        attributes: attributes(
          attribute(CHALLENGE_PASSWORD, set(encodeElement(DerTag.octetString, new Uint8Array(length)))),
        ),
      })
    const overhead = filler(15_000).length - 15_000
    // ECDSA signatures differ in length by a few bytes.
    expect(() => parseCertificateRequest(filler(16 * 1024 - overhead - 8))).not.toThrow()
  })

  it('throws nothing but its own error, whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseCertificateRequest(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(CertificateError)
        }
      }),
    )
  })
})

describe('requests that others made', () => {
  it.each<[string, string, VerifiedCertificateRequest['requestedNames']]>([
    [
      'openssl: P-256, with a challenge password and names of four kinds',
      'MIIBizCCATACAQAwJTEQMA4GA1UECgwHRXhhbXBsZTERMA8GA1UEAwwIY2hlY2tvdXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC' +
        'AATl5Ec0fEG4jo/TNPv/53BMNC75X7w8faPewfLlFGghgbODrdCbmqe43dWGPpkLPuTYlAUmI9C4c4QjaOHKphbwoIGoMBcGCSqG' +
        'SIb3DQEJAjEKDAhjaGVja291dDAbBgkqhkiG9w0BCQcxDgwMdW51c2VkLXdvcmRzMHAGCSqGSIb3DQEJDjFjMGEwTwYDVR0RBEgw' +
        'RoYdc3BpZmZlOi8vZXhhbXBsZS5vcmcvY2hlY2tvdXSCEGNoZWNrb3V0LmV4YW1wbGWHBMAAAgeBDWFAZXhhbXBsZS5vcmcwDgYD' +
        'VR0PAQH/BAQDAgeAMAoGCCqGSM49BAMCA0kAMEYCIQC2++A0RKJuYqBel1P+n3AVS0n/FzFCJSyeD5KLOOk84AIhAKqQ09QSpADF' +
        'twCtfxH4NVHfrga2BT0aanfejz6QSP9q',
      {
        uris: ['spiffe://example.org/checkout'],
        dnsNames: ['checkout.example'],
        ipAddresses: [Uint8Array.of(192, 0, 2, 7)],
      },
    ],
    [
      'openssl: Ed25519, empty subject and no attributes',
      'MH8wMwIBADAAMCowBQYDK2VwAyEAK4wkJs5S7RZzrh/s+AxgvgBYCEVdH6vCsK3/B4VxEM+gADAFBgMrZXADQQDb0tIBy77F1Xvh' +
        '/aqOzpnN2hGavWGcAcbZRPbAJnxl+DLuv0jNxkX/oika/iIbVJYJfZ2cC7RgT/t5Qke/pEME',
      { uris: [], dnsNames: [], ipAddresses: [] },
    ],
    [
      'openssl: RSA with PSS',
      'MIIChzCCATsCAQAwDjEMMAoGA1UEAwwDcnNhMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwUkmyDiT4OVHAZ+3CCuX' +
        'K7Kji0meJmPGygxe/WBqem8+2ZCC3rTyj7ZWknVgArgcsEqMwGCcorBqdvOtF42P/MAdNYR8smX1p7y+hgqr1QWtjjV8Ad7YPqBT' +
        'jyiswlP4vzolI8tv2ZezquMf65QgW3jDJ8wt+ZqjpRSLOt8cQghuNvq6/b9KBNZ+sj+Cb0IKhjOTVorV/xs6DmhGLHK8q/i9pOI7' +
        'uJzrQAiV2jP7qhGvsHe44jknI9EoFzaf3Fvw0wdkerIiztvCFLRH3C0DSCS1Jh1EgPCGHur+zffJmGfIEDoLF7sbOF2eVovg8+vr' +
        '4qVulsM/0T77e3DeKmKq/QIDAQABoAAwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqGSIb3DQEBCDANBglg' +
        'hkgBZQMEAgEFAKIDAgEgA4IBAQCEgdoTE6tc/WjA5xePElja4650w1J2Gk5r1nblDkzR0mI+Rx1yeOD2R/ehuuMLuab3OL7GZSgy' +
        'ATh3fEQb/G1lcXg9pWEUP0gKgxmDYa+77uvobJPHkGDxj5hIuSe6HV579FMycg3rNlN56i+0WVRQEIsNWB9Am5R4TItZ1wjljD/F' +
        'i+Kq6rgJBt5GmBujWzjxR/MfV578o2Sg0NPBGLqebmFCCLKSBeU6jISsKH64oCPpzEaUuClbipuCWrO9RsJuhMYlwuxGzgEpdeJt' +
        'cXpl2litSqFh37jFwnB5ICC8Y9sO7Krn+oeDqFGJ1NGMWxirmtEt1n6gfuUFyOWTjv3A',
      { uris: [], dnsNames: [], ipAddresses: [] },
    ],
  ])('%s', (_, base64, names) => {
    expect(verify(decodeBase64(base64)).requestedNames).toEqual(names)
  })

  it.each([
    ['P-256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
    ['P-521', { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' }],
    ['Ed25519', { name: 'Ed25519' }],
    [
      'RSA',
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
    ],
  ])('@peculiar/x509: %s', async (_, algorithm) => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=checkout',
      keys,
      signingAlgorithm: algorithm,
      attributes: [new peculiar.ChallengePasswordAttribute('unused')],
      extensions: [
        new peculiar.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://example.org/checkout' }]),
      ],
    })
    expect(verify(new Uint8Array(made.rawData)).requestedNames.uris).toEqual(['spiffe://example.org/checkout'])
  })

  it('are read the same by @peculiar/x509', async () => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const theirs = new peculiar.Pkcs10CertificateRequest(request().slice())
    expect(await theirs.verify()).toBe(true)
    expect(theirs.subject).toBe('CN=a')
  })
})
