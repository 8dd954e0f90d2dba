import { describe, expect, it } from 'vitest'
import { spiffeId } from '../identifier/workload-id.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { buildCaRequest } from './build-ca-request.ts'
import { buildCrl } from './build-crl.ts'
import { parseCertificate } from './certificate.ts'
import { encodeTime } from './certificate-time.ts'
import { constructedTag, DerTag, primitiveTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import {
  basicConstraints,
  encodeExtension,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from './encode-extensions.ts'
import { type IntermediateRequest, issueCaCertificate } from './issue-ca-certificate.ts'
import { issueX509Svid } from './issue-x509-svid.ts'
import { encodeName } from './name.ts'
import { encodeOid, Oid } from './oid.ts'
import { encodeSerial, randomSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { type CaVerification, type VerifiedCa, verifyCaCertificate } from './verify-ca-certificate.ts'
import { type VerifiedCertificateRequest, verifyCertificateRequest } from './verify-certificate-request.ts'
import { type VerifiedX509Svid, verifyX509Svid } from './verify-x509-svid.ts'
import { X509Anchors } from './x509-anchors.ts'
import { X509Revocations } from './x509-revocations.ts'

const NOW = 1_800_000_000
const times = { notBefore: NOW - 10, notAfter: NOW + 3600 }
const crypto = nodeCrypto
const code = (text: string) => expect.objectContaining({ code: text })

const rootKey = generateSigningKey('ES256')
const root = buildCaCertificate({
  ...{ key: rootKey, crypto, subject: { commonName: 'root' }, trustDomain: 'example.org' },
  ...{ ...times, serial: randomSerial(crypto) },
}) as Uint8Array
const rootIssuer = { certificate: root, key: rootKey }

function issue(request: Partial<IntermediateRequest> = {}) {
  const key = generateSigningKey('ES256')
  const certificate = issueCaCertificate({
    issuer: rootIssuer,
    crypto,
    publicKeySpki: crypto.exportSpki(key.publicJwk),
    subject: { organization: 'Countersign', commonName: 'Workload identity authority' },
    trustDomain: 'example.org',
    ...times,
    serial: randomSerial(crypto),
    ...request,
  }) as Uint8Array
  return { key, certificate }
}

/** A CA of the root's with whatever extensions. */
function odd(extensions: readonly Uint8Array[], validity: Partial<typeof times> = {}, subject = 'odd') {
  const key = generateSigningKey('ES256')
  const certificate = signCertificate(rootKey, {
    serial: encodeSerial(randomSerial(crypto)),
    issuer: parseCertificate(root).subject,
    subject: subject === '' ? encodeElement(DerTag.sequence) : encodeName({ commonName: subject }),
    notBefore: encodeTime(validity.notBefore ?? times.notBefore),
    notAfter: encodeTime(validity.notAfter ?? times.notAfter),
    spki: crypto.exportSpki(key.publicJwk),
    extensions,
  }) as Uint8Array
  return { key, certificate }
}

const verify = (chain: readonly Uint8Array[], options: Partial<CaVerification> = {}) =>
  verifyCaCertificate({ chain, roots: [root], trustDomain: 'example.org', now: NOW, crypto, ...options }) as VerifiedCa

function leafOf(issuer: { key: typeof rootKey; certificate: Uint8Array }, serial = randomSerial(crypto)) {
  const publicKeySpki = crypto.exportSpki(generateSigningKey('ES256').publicJwk)
  const subject = spiffeId('example.org', '/web')
  return issueX509Svid({ issuer, publicKeySpki, subject, ...times, serial }) as Uint8Array
}

const verifySvid = (chain: readonly Uint8Array[], revocations?: X509Revocations) =>
  verifyX509Svid({
    ...{ chain, roots: () => [root], now: NOW, crypto },
    ...(revocations !== undefined && { revocations: () => revocations }),
  }) as VerifiedX509Svid

const CA = [basicConstraints({}), keyUsage('keyCertSign', 'cRLSign'), subjectKeyIdentifier(Uint8Array.of(1, 2))]
const sequence = (...parts: Uint8Array[]) => encodeElement(DerTag.sequence, ...parts)
const constraints = (form: number, text: string) =>
  encodeExtension(
    encodeOid(Oid.nameConstraints),
    true,
    sequence(
      encodeElement(constructedTag(0), sequence(encodeElement(primitiveTag(form), new TextEncoder().encode(text)))),
    ),
  )
const URI = 6
const EMAIL = 1

describe('issueCaCertificate', () => {
  it('makes a CA whose leaves are believed, with names and key identifiers that lead up to the root', () => {
    const middle = issue()
    const low = issue({ issuer: middle })
    expect(verifySvid([leafOf(low), low.certificate, middle.certificate])).toMatchObject({ id: { path: '/web' } })
    const [top, upper, lower] = [root, middle.certificate, low.certificate].map(parseCertificate)
    expect(upper).toMatchObject({ issuer: top?.subject, authorityKeyId: top?.subjectKeyId, isCa: true })
    expect(lower).toMatchObject({ issuer: upper?.subject, authorityKeyId: upper?.subjectKeyId })
    expect(lower?.uriSans).toEqual(['spiffe://example.org'])
  })

  it('gives no two CAs one subject or key identifier', () => {
    const all = [issue(), issue(), issue({ issuer: issue() })].map(({ certificate }) => parseCertificate(certificate))
    const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex')
    expect(new Set(all.map(({ subject }) => hex(subject))).size).toBe(3)
    expect(new Set(all.map(({ subjectKeyId }) => hex(subjectKeyId))).size).toBe(3)
  })

  it('leaves ever fewer CAs below', () => {
    const one = issue({ pathLength: 1 })
    const zero = issue({ issuer: one })
    expect([one, zero].map(({ certificate }) => parseCertificate(certificate).pathLength)).toEqual([1, 0])
    expect(() => issue({ issuer: zero })).toThrow(code('ERR_CERTIFICATE_PATH_LENGTH'))
    expect(() => issue({ issuer: one, pathLength: 1 })).toThrow(code('ERR_CERTIFICATE_PATH_LENGTH'))
  })

  it('refuses one that would outlive its issuer, or be of another trust domain', () => {
    expect(() => issue({ notAfter: times.notAfter + 1 })).toThrow(code('ERR_CERTIFICATE_VALIDITY'))
    expect(() => issue({ trustDomain: 'other.example' })).toThrow(code('ERR_CERTIFICATE_SIGNER_IDENTIFIER'))
    const bound = odd([...CA, constraints(URI, 'other.example')])
    expect(() => issue({ issuer: bound })).toThrow(code('ERR_CERTIFICATE_NAME_CONSTRAINTS'))
  })
})

describe('buildCaRequest', () => {
  it('asks, with proof of the key, for what such a certificate must say', () => {
    const key = generateSigningKey('ES256')
    const csr = buildCaRequest({ key, crypto, subject: { commonName: 'a' }, trustDomain: 'example.org' }) as Uint8Array
    const verified = verifyCertificateRequest(csr, crypto) as VerifiedCertificateRequest
    expect(verified.requestedNames.uris).toEqual(['spiffe://example.org'])
    expect(verified.publicJwk).toMatchObject({ x: key.publicJwk.x })
  })
})

describe('verifyCaCertificate', () => {
  it('finds the way to the root, whatever the order, and the first end on it', () => {
    const middle = issue({ notAfter: NOW + 100 })
    const low = issue({ issuer: middle, notAfter: NOW + 90 })
    const lowest = issue({ issuer: low, notAfter: NOW + 80 })
    const { intermediates, ...rest } = verify([lowest.certificate, middle.certificate, low.certificate])
    expect(intermediates.map(({ raw }) => raw)).toEqual([low.certificate, middle.certificate])
    expect(rest).toMatchObject({ expiresAt: NOW + 80, ca: { raw: lowest.certificate }, root: { raw: root } })
    expect(verify([issue().certificate]).intermediates).toEqual([])
  })

  const uri = (...uris: string[]) => subjectAltName({ uris })
  it.each<[string, string, readonly Uint8Array[]]>([
    ['an end entity', 'NOT_CA', [basicConstraints(undefined), ...CA.slice(1)]],
    ['one that may not sign certificates', 'KEY_USAGE', [basicConstraints({}), keyUsage('cRLSign')]],
    ['one without key usage', 'KEY_USAGE', [basicConstraints({})]],
    ['one for another use', 'EXTENDED_KEY_USAGE', [...CA, extendedKeyUsage(Oid.serverAuth)]],
    ['one without a key identifier', 'ISSUER', CA.slice(0, 2)],
    ['one of another trust domain', 'SIGNER_IDENTIFIER', [...CA, uri('spiffe://other.example')]],
    ['one with the name of a workload', 'SIGNER_IDENTIFIER', [...CA, uri('spiffe://example.org/web')]],
    ['one that may not name us', 'NAME_CONSTRAINTS', [...CA, constraints(URI, 'other.example')]],
    ['one with constraints nobody checks', 'NAME_CONSTRAINTS', [...CA, constraints(EMAIL, 'example.org')]],
    ['an unknown critical extension', 'CRITICAL_EXTENSION', [...CA, encodeExtension(encodeOid('1.2.3'), true, CA[0]!)]],
  ])('refuses %s', (_, expected, extensions) => {
    expect(() => verify([odd(extensions).certificate])).toThrow(code(`ERR_CERTIFICATE_${expected}`))
  })

  it('refuses one that has ended, has not begun, has no name or has no way to a root', () => {
    expect(() => verify([odd(CA, { notAfter: NOW - 1 }).certificate])).toThrow(code('ERR_CERTIFICATE_EXPIRED'))
    expect(() => verify([odd(CA, { notBefore: NOW + 1 }).certificate])).toThrow(code('ERR_CERTIFICATE_NOT_YET_VALID'))
    expect(() => verify([odd(CA, {}, '').certificate])).toThrow(code('ERR_CERTIFICATE_SUBJECT'))
    expect(() => verify([issue({ issuer: issue() }).certificate])).toThrow(code('ERR_CERTIFICATE_UNTRUSTED'))
    expect(() => verify([])).toThrow(code('ERR_CERTIFICATE_CHAIN_LENGTH'))
    const many = Array.from({ length: 8 }, () => issue().certificate)
    expect(() => verify(many)).toThrow(code('ERR_CERTIFICATE_CHAIN_LENGTH'))
  })

  it('refuses a CA below one that leaves room for leaves only', () => {
    const zero = odd([basicConstraints({ pathLength: 0 }), ...CA.slice(1)])
    const below = signCertificate(zero.key, {
      serial: encodeSerial(randomSerial(crypto)),
      issuer: parseCertificate(zero.certificate).subject,
      subject: encodeName({ commonName: 'below' }),
      notBefore: encodeTime(times.notBefore),
      notAfter: encodeTime(times.notAfter),
      spki: crypto.exportSpki(generateSigningKey('ES256').publicJwk),
      extensions: CA,
    }) as Uint8Array
    expect(() => verify([below, zero.certificate])).toThrow(code('ERR_CERTIFICATE_PATH_LENGTH'))
  })

  it('takes constraints that allow the trust domain', () => {
    expect(verify([odd([...CA, constraints(URI, 'example.org')]).certificate])).toMatchObject({ root: { raw: root } })
  })
})

describe('a revocation list of a CA below the root', () => {
  const SERIAL = Uint8Array.of(0x91, 2, 3)
  const low = issue()
  const listOf = (issuer: { key: typeof rootKey; certificate: Uint8Array }) =>
    buildCrl({
      ...{ issuer, revoked: [{ serial: SERIAL, revokedAt: NOW }], thisUpdate: NOW, nextUpdate: NOW + 60, number: 1 },
    }) as Uint8Array
  const read = (...lists: Uint8Array[]) =>
    X509Revocations.read(lists, new X509Anchors([root], crypto)) as X509Revocations

  it('counts once a path leads through that CA, each time', () => {
    const revocations = read(listOf(low))
    for (const _ of [1, 2]) {
      expect(() => verifySvid([leafOf(low, SERIAL), low.certificate], revocations)).toThrow(
        code('ERR_CERTIFICATE_REVOKED'),
      )
    }
    expect(verifySvid([leafOf(low), low.certificate], revocations)).toMatchObject({ id: { path: '/web' } })
    expect(verifySvid([leafOf(rootIssuer, SERIAL)], revocations)).toMatchObject({ id: { path: '/web' } })
  })

  it('says nothing when that CA did not sign it, or about what another signed', () => {
    const forged = listOf(low)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    const chain = [leafOf(low, SERIAL), low.certificate]
    expect(verifySvid(chain, read(forged, listOf(issue())))).toMatchObject({ id: { path: '/web' } })
    expect(() => verifySvid(chain, read(forged, listOf(low)))).toThrow(code('ERR_CERTIFICATE_REVOKED'))
  })
})
