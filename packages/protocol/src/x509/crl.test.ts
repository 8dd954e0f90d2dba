import { describe, expect, it } from 'vitest'
import { spiffeId } from '../identifier/workload-id.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { buildCrl, type CrlContent } from './build-crl.ts'
import { parseCertificate } from './certificate.ts'
import { encodeTime } from './certificate-time.ts'
import { CRL_EXTENSIONS_TAG, MAX_CRL_BYTES, parseCrl, verifyCrl } from './crl.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlNumber,
  crlReason,
  encodeExtension,
  keyUsage,
  subjectKeyIdentifier,
} from './encode-extensions.ts'
import { issueX509Svid } from './issue-x509-svid.ts'
import type { KeyUsage } from './key-usage.ts'
import { encodeName } from './name.ts'
import { encodeOid } from './oid.ts'
import { encodeSerial, randomSerial } from './serial-number.ts'
import { signCertificate, signTbs } from './sign-certificate.ts'
import { encodeSignatureAlgorithm } from './signature-algorithm.ts'
import { verifyWic } from './verify-wic.ts'
import { X509Anchors } from './x509-anchors.ts'
import { X509Revocations } from './x509-revocations.ts'

const NOW = 1_800_000_000
const SERIAL = Uint8Array.of(0x91, 2, 3)

function authority(usages: readonly KeyUsage[] = ['keyCertSign', 'cRLSign']) {
  const key = generateSigningKey('ES256')
  const name = encodeName({ commonName: 'root' })
  const keyId = nodeCrypto.randomBytes(20)
  const certificate = signCertificate(key, {
    serial: encodeSerial(randomSerial(nodeCrypto)),
    issuer: name,
    subject: name,
    notBefore: encodeTime(NOW),
    notAfter: encodeTime(NOW + 3600),
    spki: nodeCrypto.exportSpki(key.publicJwk),
    extensions: [basicConstraints({}), keyUsage(...usages), subjectKeyIdentifier(keyId)],
  }) as Uint8Array
  return { key, certificate, keyId, name, anchors: new X509Anchors([certificate], nodeCrypto) }
}
type TestAuthority = ReturnType<typeof authority>

const one = authority()

function crlOf(issuer: TestAuthority, content: Partial<CrlContent> = {}): Uint8Array {
  return buildCrl({
    issuer,
    revoked: [{ serial: SERIAL, revokedAt: NOW, reason: 'privilegeWithdrawn' }],
    thisUpdate: NOW,
    nextUpdate: NOW + 60,
    number: 258,
    ...content,
  }) as Uint8Array
}

function leafOf(issuer: TestAuthority, serial: Uint8Array): Uint8Array {
  return issueX509Svid({
    issuer,
    publicKeySpki: nodeCrypto.exportSpki(generateSigningKey('ES256').publicJwk),
    subject: spiffeId('example.org', '/web'),
    notBefore: NOW,
    notAfter: NOW + 60,
    serial,
  }) as Uint8Array
}

function revocationsOf(crls: readonly Uint8Array[], anchors = one.anchors): X509Revocations {
  return X509Revocations.read(crls, anchors) as X509Revocations
}

/** A list with fields of its own, truly signed. */
function oddCrl(parts: { items?: readonly Uint8Array[]; extensions?: readonly Uint8Array[]; version?: number }) {
  const extensions = parts.extensions ?? [authorityKeyIdentifier(one.keyId), NUMBER]
  const tbs = encodeElement(
    DerTag.sequence,
    encodeElement(DerTag.integer, Uint8Array.of(parts.version ?? 1)),
    encodeSignatureAlgorithm('ES256'),
    one.name,
    encodeTime(NOW),
    encodeTime(NOW + 60),
    ...(parts.items === undefined ? [] : [encodeElement(DerTag.sequence, ...parts.items)]),
    encodeElement(CRL_EXTENSIONS_TAG, encodeElement(DerTag.sequence, ...extensions)),
  )
  return signTbs(one.key, tbs) as Uint8Array
}
const NUMBER = crlNumber(encodeSerial(Uint8Array.of(1)))
const item = (...extensions: readonly Uint8Array[]) =>
  encodeElement(
    DerTag.sequence,
    encodeSerial(SERIAL),
    encodeTime(NOW),
    ...(extensions.length === 0 ? [] : [encodeElement(DerTag.sequence, ...extensions)]),
  )
const critical = (oid: string) => encodeExtension(encodeOid(oid), true, encodeElement(DerTag.null))
const code = (expected: string) => expect.objectContaining({ code: expected })

describe('buildCrl', () => {
  it('says what it was told', () => {
    const { crl, signer } = verifyCrl(crlOf(one), one.anchors) as Awaited<ReturnType<typeof verifyCrl>>
    expect(crl).toMatchObject({ thisUpdate: NOW, nextUpdate: NOW + 60, number: Uint8Array.of(1, 2) })
    expect(crl.revoked).toEqual([SERIAL])
    expect(signer).toBe(one.anchors.signers[0])
  })

  it('says of an authority without revocations that there are none', () => {
    expect(parseCrl(crlOf(one, { revoked: [] })).revoked).toEqual([])
  })

  it('refuses an issuer that may not sign lists, and a list that ends before it begins', () => {
    expect(() => crlOf(authority(['keyCertSign']))).toThrow(code('ERR_CERTIFICATE_ISSUER'))
    expect(() => crlOf(one, { nextUpdate: NOW - 1 })).toThrow(code('ERR_CERTIFICATE_VALIDITY'))
    expect(() => crlOf(one, { number: 0 })).toThrow(RangeError)
  })

  it('refuses to make what no reader takes', () => {
    const revoked = Array.from({ length: 60_000 }, () => ({ serial: randomSerial(nodeCrypto), revokedAt: NOW }))
    expect(() => crlOf(one, { revoked })).toThrow(code('ERR_CERTIFICATE_TOO_LARGE'))
  })
})

describe('parseCrl', () => {
  it('reads a list longer than a certificate may be', () => {
    const revoked = Array.from({ length: 5000 }, (_, index) => ({
      serial: Uint8Array.of(1, index >> 8, index & 255),
      revokedAt: NOW,
    }))
    const der = crlOf(one, { revoked })
    expect(der.length).toBeGreaterThan(64 * 1024)
    expect(parseCrl(der).revoked).toHaveLength(5000)
  })

  it('refuses one that is too large before reading it', () => {
    expect(() => parseCrl(new Uint8Array(MAX_CRL_BYTES + 1))).toThrow(code('ERR_CERTIFICATE_TOO_LARGE'))
  })

  it('refuses every truncation, and anything after the list', () => {
    const der = crlOf(one)
    for (let length = 0; length < der.length; length++) {
      expect(() => parseCrl(der.subarray(0, length))).toThrow(code('ERR_CERTIFICATE_MALFORMED'))
    }
    expect(() => parseCrl(Uint8Array.of(...der, 0))).toThrow(code('ERR_CERTIFICATE_MALFORMED'))
  })

  it('refuses critical extensions it does not know, of the list and of an item', () => {
    const delta = [authorityKeyIdentifier(one.keyId), NUMBER, critical('2.5.29.27')]
    expect(() => parseCrl(oddCrl({ extensions: delta }))).toThrow(code('ERR_CERTIFICATE_CRITICAL_EXTENSION'))
    const indirect = [item(critical('2.5.29.29'))]
    expect(() => parseCrl(oddCrl({ items: indirect }))).toThrow(code('ERR_CERTIFICATE_CRITICAL_EXTENSION'))
    expect(parseCrl(oddCrl({ items: [item(crlReason(1))] })).revoked).toEqual([SERIAL])
  })

  it.each([
    ['another version', oddCrl({ version: 0 })],
    ['no number', oddCrl({ extensions: [authorityKeyIdentifier(one.keyId)] })],
    ['no key identifier', oddCrl({ extensions: [NUMBER] })],
    ['an empty list of items', oddCrl({ items: [] })],
  ])('refuses %s', (_, der) => {
    expect(() => parseCrl(der)).toThrow(code('ERR_CERTIFICATE_MALFORMED'))
  })
})

describe('verifyCrl', () => {
  it('refuses a list by a stranger, even one with the name and key identifier of an authority', () => {
    const stranger = authority()
    expect(() => verifyCrl(crlOf(stranger), one.anchors)).toThrow(code('ERR_CERTIFICATE_UNTRUSTED'))
    const tbs = parseCrl(crlOf(one)).tbs
    const forged = signTbs(stranger.key, tbs) as Uint8Array
    expect(() => verifyCrl(forged, one.anchors)).toThrow(code('ERR_CERTIFICATE_SIGNATURE'))
  })

  it('refuses a list by an authority that may not sign lists', () => {
    const der = crlOf(one)
    const { key, name, keyId } = one
    const certificate = signCertificate(key, {
      ...{ serial: encodeSerial(SERIAL), issuer: name, subject: name },
      ...{ notBefore: encodeTime(NOW), notAfter: encodeTime(NOW + 3600) },
      spki: nodeCrypto.exportSpki(key.publicJwk),
      extensions: [basicConstraints({}), keyUsage('keyCertSign'), subjectKeyIdentifier(keyId)],
    }) as Uint8Array
    const anchors = new X509Anchors([certificate], nodeCrypto)
    expect(() => verifyCrl(der, anchors)).toThrow(code('ERR_CERTIFICATE_KEY_USAGE'))
  })
})

describe('revocations in verifyX509Svid and verifyWic', () => {
  function verify(leaf: Uint8Array, revocations: X509Revocations, anchors = one.anchors) {
    const options = { roots: () => anchors, now: NOW + 59, crypto: nodeCrypto, role: 'client' } as const
    return verifyWic({ ...options, chain: [leaf], revocations: () => revocations })
  }

  it('refuse what its issuer revoked, and nothing else', () => {
    const revocations = revocationsOf([crlOf(one)])
    expect(revocations.refused).toEqual([])
    expect(() => verify(leafOf(one, SERIAL), revocations)).toThrow(code('ERR_CERTIFICATE_REVOKED'))
    expect(verify(leafOf(one, Uint8Array.of(7)), revocations)).toMatchObject({ id: { path: '/web' } })
  })

  it('are those of the issuer: another authority of the same name may have used the same number', () => {
    const other = authority()
    const anchors = new X509Anchors([other.certificate, one.certificate], nodeCrypto)
    const revocations = revocationsOf([crlOf(one)], anchors)
    expect(verify(leafOf(other, SERIAL), revocations, anchors)).toMatchObject({ id: { path: '/web' } })
    expect(() => verify(leafOf(one, SERIAL), revocations, anchors)).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })

  it('count when the list is out of date, or not current yet', () => {
    const stale = crlOf(one, { thisUpdate: NOW - 100, nextUpdate: NOW - 50 })
    expect(() => verify(leafOf(one, SERIAL), revocationsOf([stale]))).toThrow(code('ERR_CERTIFICATE_REVOKED'))
    const early = crlOf(one, { thisUpdate: NOW + 1000, nextUpdate: NOW + 2000 })
    expect(() => verify(leafOf(one, SERIAL), revocationsOf([early]))).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })

  it('leave out and report what cannot be believed, and keep the rest', () => {
    const foreign = crlOf(authority(), { revoked: [{ serial: Uint8Array.of(7), revokedAt: NOW }] })
    const revocations = revocationsOf([Uint8Array.of(1), foreign, crlOf(one)])
    expect(revocations.refused.map(({ error }) => error.code)).toEqual([
      'ERR_CERTIFICATE_MALFORMED',
      'ERR_CERTIFICATE_UNTRUSTED',
    ])
    expect(verify(leafOf(one, Uint8Array.of(7)), revocations)).toMatchObject({ id: { path: '/web' } })
    expect(() => verify(leafOf(one, SERIAL), revocations)).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })

  it('are read from any number of lists', () => {
    const many = Array.from({ length: 20_000 }, () => new Uint8Array())
    const revocations = revocationsOf([...many, crlOf(one)])
    expect(revocations.refused).toHaveLength(many.length)
    expect(() => verify(leafOf(one, SERIAL), revocations)).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })

  it('refuse what a revoked intermediate signed', () => {
    const key = generateSigningKey('ES256')
    const own = buildCaCertificate({
      ...{ key, crypto: nodeCrypto, trustDomain: 'example.org', subject: { commonName: 'middle' } },
      ...{ notBefore: NOW, notAfter: NOW + 3600, serial: randomSerial(nodeCrypto) },
    }) as Uint8Array
    const { subject, subjectKeyId = new Uint8Array() } = parseCertificate(own)
    const middle = signCertificate(one.key, {
      ...{ serial: encodeSerial(SERIAL), issuer: one.name, subject },
      ...{ notBefore: encodeTime(NOW), notAfter: encodeTime(NOW + 3600) },
      spki: nodeCrypto.exportSpki(key.publicJwk),
      extensions: [basicConstraints({}), keyUsage('keyCertSign'), subjectKeyIdentifier(subjectKeyId)],
    }) as Uint8Array
    const leaf = leafOf({ ...one, key, certificate: middle }, Uint8Array.of(5))
    const verifyChain = (revocations: X509Revocations) =>
      verifyWic({
        ...{ roots: () => one.anchors, now: NOW + 59, crypto: nodeCrypto, role: 'client', chain: [leaf, middle] },
        revocations: () => revocations,
      })
    expect(verifyChain(revocationsOf([]))).toMatchObject({ id: { path: '/web' } })
    expect(() => verifyChain(revocationsOf([crlOf(one)]))).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })
})
