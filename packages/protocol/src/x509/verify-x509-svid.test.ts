import { describe, expect, it } from 'vitest'
import type { CryptoBackend, SigningKey } from '../keys/crypto-backend.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { encodeTime } from './certificate-time.ts'
import { DerTag } from './der-tag.ts'
import { encodeElement } from './der-writer.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  encodeExtension,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from './encode-extensions.ts'
import { encodeKeyUsage, type KeyUsage } from './key-usage.ts'
import { encodeName } from './name.ts'
import { encodeOid, Oid } from './oid.ts'
import { encodeSerial } from './serial-number.ts'
import { signCertificate } from './sign-certificate.ts'
import { subjectAltName } from './subject-alt-name.ts'
import { type VerifiedX509Svid, verifyX509Svid, type X509SvidVerification } from './verify-x509-svid.ts'
import { X509Anchors } from './x509-anchors.ts'

const NOW = 1_800_000_000
const ID = 'spiffe://example.org/ns/payments'
const code = (reason: string) => expect.objectContaining({ code: `ERR_CERTIFICATE_${reason}` })

const rootKey = generateSigningKey('ES256')
const middleKey = generateSigningKey('ES256')
const lowKey = generateSigningKey('ES256')
const leafKey = generateSigningKey('ES256')

interface Recipe {
  readonly subject: string
  readonly issuer: string
  readonly subjectKey: SigningKey
  readonly issuerKey: SigningKey
  readonly notBefore: number
  readonly notAfter: number
  readonly extensions: readonly Uint8Array[]
}

function make(recipe: Recipe): Uint8Array {
  const name = (text: string) => encodeName(text === '' ? {} : { commonName: text })
  return signCertificate(recipe.issuerKey, {
    serial: encodeSerial(Uint8Array.of(1)),
    issuer: name(recipe.issuer),
    subject: name(recipe.subject),
    notBefore: encodeTime(recipe.notBefore),
    notAfter: encodeTime(recipe.notAfter),
    spki: nodeCrypto.exportSpki(recipe.subjectKey.publicJwk),
    extensions: recipe.extensions,
  }) as Uint8Array
}

const validity = { notBefore: NOW - 100, notAfter: NOW + 100 }
const CA_EXTENSIONS = [basicConstraints({}), keyUsage('keyCertSign', 'cRLSign')]
const USAGE = keyUsage('digitalSignature')
const NAMES = subjectAltName({ uris: [ID] })
const unknownCritical = encodeExtension(encodeOid('1.2.3.4'), true, encodeElement(DerTag.null))

const root = (change: Partial<Recipe> = {}) =>
  make({
    subject: 'root',
    issuer: 'root',
    subjectKey: rootKey,
    issuerKey: rootKey,
    ...validity,
    extensions: CA_EXTENSIONS,
    ...change,
  })
const middle = (change: Partial<Recipe> = {}) =>
  make({
    subject: 'middle',
    issuer: 'root',
    subjectKey: middleKey,
    issuerKey: rootKey,
    ...validity,
    extensions: CA_EXTENSIONS,
    ...change,
  })
const low = (change: Partial<Recipe> = {}) =>
  middle({ subject: 'low', issuer: 'middle', subjectKey: lowKey, issuerKey: middleKey, ...change })
const leaf = (change: Partial<Recipe> = {}) =>
  make({
    subject: 'leaf',
    issuer: 'root',
    subjectKey: leafKey,
    issuerKey: rootKey,
    ...validity,
    extensions: [basicConstraints(undefined), USAGE, NAMES],
    ...change,
  })
const underMiddle = (change: Partial<Recipe> = {}) => leaf({ issuer: 'middle', issuerKey: middleKey, ...change })

function verify(
  chain: readonly Uint8Array[],
  options: Partial<Omit<X509SvidVerification, 'roots'>> & { roots?: readonly Uint8Array[] } = {},
): VerifiedX509Svid {
  const { roots = [root()], ...rest } = options
  return verifyX509Svid({
    chain,
    roots: (origin) => (origin === 'spiffe://example.org' ? roots : undefined),
    now: NOW,
    crypto: nodeCrypto,
    ...rest,
  }) as VerifiedX509Svid
}

describe('verifyX509Svid', () => {
  it('accepts a leaf signed by a root', () => {
    const { id, expiresAt, leaf: parsed } = verify([leaf()])
    expect(id.toString()).toBe(ID)
    expect(expiresAt).toBe(NOW + 100)
    expect(parsed.uriSans).toEqual([ID])
  })

  it('accepts intermediates in any order, and the root among them', () => {
    const bottom = leaf({ issuer: 'low', issuerKey: lowKey })
    expect(verify([bottom, low(), middle()]).id.toString()).toBe(ID)
    expect(verify([bottom, root(), middle(), low()]).id.toString()).toBe(ID)
  })

  it('accepts an anchor that is an intermediate of the chain', () => {
    expect(verify([underMiddle(), middle()], { roots: [middle()] }).id.toString()).toBe(ID)
  })

  it('expires with the first certificate of the path', () => {
    expect(verify([underMiddle(), middle({ notAfter: NOW + 50 })]).expiresAt).toBe(NOW + 50)
  })

  it.each(['ES384', 'ES512', 'EdDSA', 'RS256', 'RS384', 'RS512'] as const)('verifies signatures of %s', (alg) => {
    const key = generateSigningKey(alg)
    const roots = [root({ subjectKey: key, issuerKey: key })]
    expect(verify([leaf({ issuerKey: key })], { roots }).id.toString()).toBe(ID)
    expect(() => verify([leaf({ issuerKey: generateSigningKey(alg) })], { roots })).toThrow(code('SIGNATURE'))
  })

  describe('before anything is believed', () => {
    it('limits the chain', () => {
      expect(() => verify([])).toThrow(code('CHAIN_LENGTH'))
      expect(() => verify(new Array(9).fill(leaf()))).toThrow(code('CHAIN_LENGTH'))
      expect(verify([leaf(), ...new Array(7).fill(middle())]).id.toString()).toBe(ID)
    })

    it('limits and parses every certificate', () => {
      expect(() => verify([new Uint8Array(64 * 1024 + 1)])).toThrow(code('TOO_LARGE'))
      expect(() => verify([leaf(), new Uint8Array(64 * 1024 + 1)])).toThrow(code('TOO_LARGE'))
      expect(() => verify([leaf(), Uint8Array.of(0)])).toThrow(code('MALFORMED'))
      expect(() => verify([leaf()], { roots: [Uint8Array.of(0)] })).toThrow(code('MALFORMED'))
    })
  })

  describe('the leaf', () => {
    const withExtensions = (...extensions: Uint8Array[]) => leaf({ extensions })

    it('has exactly one URI name', () => {
      const names = (...uris: string[]) => withExtensions(USAGE, subjectAltName({ uris, dnsNames: ['a.example'] }))
      expect(() => verify([names()])).toThrow(code('URI_COUNT'))
      expect(() => verify([names(ID, 'https://example.org/a')])).toThrow(code('URI_COUNT'))
      expect(() => verify([withExtensions(USAGE)])).toThrow(code('URI_COUNT'))
      expect(verify([names(ID)]).leaf.dnsSans).toEqual(['a.example'])
    })

    it.each([
      'spiffe://example.org',
      'spiffe://example.org/',
      'https://example.org/a',
      'SPIFFE://example.org/a',
      'spiffe://example.org/a?b',
    ])('is not named %s', (uri) => {
      expect(() => verify([withExtensions(USAGE, subjectAltName({ uris: [uri] }))])).toThrow(code('IDENTIFIER'))
    })

    it.each(['spiffe://other.example/a', 'wimse://example.org/a'])(
      'finds only the roots of its own origin: %s',
      (uri) => {
        const certificate = withExtensions(USAGE, subjectAltName({ uris: [uri] }))
        expect(() => verify([certificate])).toThrow(code('TRUST_DOMAIN_UNKNOWN'))
      },
    )

    it('is not a CA', () => {
      expect(() => verify([withExtensions(basicConstraints({}), USAGE, NAMES)])).toThrow(code('LEAF_IS_CA'))
    })

    it.each<[string, Uint8Array[]]>([
      ['absent', []],
      ['not critical', [encodeExtension(encodeOid(Oid.keyUsage), false, encodeKeyUsage(['digitalSignature']))]],
      ['without digitalSignature', [keyUsage('keyAgreement')]],
      ['with keyCertSign', [keyUsage('digitalSignature', 'keyCertSign')]],
      ['with cRLSign', [keyUsage('digitalSignature', 'cRLSign')]],
    ])('is refused when key usage is %s', (_, usage) => {
      expect(() => verify([withExtensions(...usage, NAMES)])).toThrow(code('KEY_USAGE'))
    })

    it('may lack key usage under wimse, but not have a wrong one', () => {
      const names = subjectAltName({ uris: ['wimse://example.org/a'] })
      const check = (...extensions: Uint8Array[]) =>
        verifyX509Svid({
          chain: [withExtensions(...extensions, names)],
          roots: () => [root()],
          now: NOW,
          crypto: nodeCrypto,
        })
      expect((check() as VerifiedX509Svid).id.origin).toBe('wimse://example.org')
      expect(() => check(keyUsage('keyAgreement'))).toThrow(code('KEY_USAGE'))
    })

    it('is for the side of TLS it is used on, if it says anything', () => {
      const client = withExtensions(USAGE, NAMES, extendedKeyUsage(Oid.clientAuth))
      expect(verify([client]).id.toString()).toBe(ID)
      expect(verify([client], { usage: 'clientAuth' }).id.toString()).toBe(ID)
      expect(verify([leaf()], { usage: 'serverAuth' }).id.toString()).toBe(ID)
      expect(() => verify([client], { usage: 'serverAuth' })).toThrow(code('EXTENDED_KEY_USAGE'))
      const codeSigning = withExtensions(USAGE, NAMES, extendedKeyUsage('1.3.6.1.5.5.7.3.3'))
      expect(() => verify([codeSigning])).toThrow(code('EXTENDED_KEY_USAGE'))
    })

    it('has a critical URI name when its subject is empty', () => {
      const value = encodeElement(DerTag.sequence, encodeElement(0x86, new TextEncoder().encode(ID)))
      const critical = encodeExtension(encodeOid(Oid.subjectAltName), true, value)
      expect(verify([leaf({ subject: '', extensions: [USAGE, critical] })]).id.toString()).toBe(ID)
      expect(() => verify([leaf({ subject: '' })])).toThrow(code('ALT_NAME_NOT_CRITICAL'))
    })

    it('has no unknown critical extension', () => {
      expect(() => verify([withExtensions(USAGE, NAMES, unknownCritical)])).toThrow(code('CRITICAL_EXTENSION'))
    })
  })

  describe('time', () => {
    const at = (now: number, skewSeconds?: number) =>
      verify([leaf({ notBefore: NOW, notAfter: NOW + 10 })], {
        now,
        ...(skewSeconds === undefined ? {} : { skewSeconds }),
      })

    it('includes both ends', () => {
      expect(at(NOW).expiresAt).toBe(NOW + 10)
      expect(at(NOW + 10).expiresAt).toBe(NOW + 10)
      expect(() => at(NOW - 1)).toThrow(code('NOT_YET_VALID'))
      expect(() => at(NOW + 11)).toThrow(code('EXPIRED'))
    })

    it('tolerates exactly the given skew', () => {
      expect(at(NOW - 5, 5).expiresAt).toBe(NOW + 10)
      expect(at(NOW + 15, 5).expiresAt).toBe(NOW + 10)
      expect(() => at(NOW - 6, 5)).toThrow(code('NOT_YET_VALID'))
      expect(() => at(NOW + 16, 5)).toThrow(code('EXPIRED'))
    })

    it('is a number', () => {
      expect(() => at(Number.NaN)).toThrow(code('NOT_YET_VALID'))
    })

    it('counts for every certificate of the path', () => {
      const early = { notAfter: NOW - 1 }
      const late = { notBefore: NOW + 1 }
      expect(() => verify([leaf()], { roots: [root(early)] })).toThrow(code('EXPIRED'))
      expect(() => verify([leaf()], { roots: [root(late)] })).toThrow(code('NOT_YET_VALID'))
      expect(() => verify([underMiddle(), middle(early)])).toThrow(code('EXPIRED'))
      expect(() => verify([underMiddle(), middle(late)])).toThrow(code('NOT_YET_VALID'))
    })
  })

  describe('the path', () => {
    it('needs an issuer', () => {
      expect(() => verify([leaf({ issuer: 'nobody' })])).toThrow(code('UNTRUSTED'))
      expect(() => verify([underMiddle()])).toThrow(code('UNTRUSTED'))
      expect(() => verify([leaf()], { roots: [] })).toThrow(code('UNTRUSTED'))
    })

    it('ends at an anchor, not at a self-signed certificate of the peer', () => {
      const own = root({ subject: 'own', issuer: 'own', subjectKey: middleKey, issuerKey: middleKey })
      expect(() => verify([leaf({ issuer: 'own', issuerKey: middleKey }), own])).toThrow(code('UNTRUSTED'))
    })

    it('does not believe a leaf because it is listed as a root', () => {
      const self = leaf({ subject: 'self', issuer: 'self', issuerKey: leafKey })
      expect(() => verify([self], { roots: [self] })).toThrow(code('NOT_CA'))
    })

    it('needs a true signature at every step', () => {
      expect(() => verify([leaf({ issuerKey: middleKey })])).toThrow(code('SIGNATURE'))
      expect(() => verify([underMiddle(), middle({ issuerKey: lowKey })])).toThrow(code('SIGNATURE'))
      const altered = leaf()
      altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
      expect(() => verify([altered])).toThrow(code('SIGNATURE'))
    })

    it('refuses a signature whose numbers do not fit the curve', () => {
      const oversized: SigningKey = {
        alg: 'ES256',
        publicJwk: rootKey.publicJwk,
        sign: () => new Uint8Array(66).fill(1),
      }
      expect(() => verify([leaf({ issuerKey: oversized })])).toThrow(code('SIGNATURE'))
    })

    it.each<[string, KeyUsage[] | undefined, boolean]>([
      ['is no CA', ['keyCertSign'], false],
      ['may not sign certificates', ['cRLSign'], true],
      ['says nothing about its key', undefined, true],
    ])('refuses an issuer that %s', (_, usages, isCa) => {
      const extensions = [basicConstraints(isCa ? {} : undefined)]
      if (usages !== undefined) extensions.push(keyUsage(...usages))
      const expected = isCa ? code('KEY_USAGE') : code('NOT_CA')
      expect(() => verify([underMiddle(), middle({ extensions })])).toThrow(expected)
      expect(() => verify([leaf()], { roots: [root({ extensions })] })).toThrow(expected)
    })

    it('is no longer than an issuer allows', () => {
      const limited = (pathLength: number) => [basicConstraints({ pathLength }), keyUsage('keyCertSign')]
      const bottom = leaf({ issuer: 'low', issuerKey: lowKey })
      const roots = (pathLength: number) => [root({ extensions: limited(pathLength) })]
      expect(verify([underMiddle(), middle({ extensions: limited(0) })]).id.toString()).toBe(ID)
      expect(() => verify([bottom, low(), middle({ extensions: limited(0) })])).toThrow(code('PATH_LENGTH'))
      expect(() => verify([bottom, low(), middle()], { roots: roots(1) })).toThrow(code('PATH_LENGTH'))
      expect(verify([bottom, low(), middle()], { roots: roots(2) }).id.toString()).toBe(ID)
    })

    it('does not count a CA that renews its own key', () => {
      const renewed = root({ subjectKey: middleKey })
      const roots = [root({ extensions: [basicConstraints({ pathLength: 0 }), keyUsage('keyCertSign')] })]
      expect(verify([leaf({ issuerKey: middleKey }), renewed], { roots }).id.toString()).toBe(ID)
    })

    it('has no unknown critical extension', () => {
      const extensions = [...CA_EXTENSIONS, unknownCritical]
      expect(() => verify([underMiddle(), middle({ extensions })])).toThrow(code('CRITICAL_EXTENSION'))
      expect(() => verify([leaf()], { roots: [root({ extensions })] })).toThrow(code('CRITICAL_EXTENSION'))
    })

    it.each(['spiffe://example.org/ca', 'spiffe://other.example', 'wimse://example.org', 'SPIFFE://example.org'])(
      'has no intermediate named %s',
      (uri) => {
        const extensions = [...CA_EXTENSIONS, subjectAltName({ uris: [uri] })]
        expect(() => verify([underMiddle(), middle({ extensions })])).toThrow(code('SIGNER_IDENTIFIER'))
      },
    )

    it('may have an intermediate named after the trust domain', () => {
      const extensions = [...CA_EXTENSIONS, subjectAltName({ uris: ['spiffe://example.org', 'https://ca.example'] })]
      expect(verify([underMiddle(), middle({ extensions })]).id.toString()).toBe(ID)
    })

    it('has no intermediate for another use', () => {
      const extensions = [...CA_EXTENSIONS, extendedKeyUsage(Oid.clientAuth)]
      const chain = [underMiddle(), middle({ extensions })]
      expect(verify(chain, { usage: 'clientAuth' }).id.toString()).toBe(ID)
      expect(() => verify(chain, { usage: 'serverAuth' })).toThrow(code('EXTENDED_KEY_USAGE'))
    })

    it('keeps to name constraints of every CA above', () => {
      const permit = (form: number, name: string) => {
        const base = encodeElement(DerTag.sequence, encodeElement(form, new TextEncoder().encode(name)))
        const value = encodeElement(DerTag.sequence, encodeElement(0xa0, base))
        return [...CA_EXTENSIONS, encodeExtension(encodeOid(Oid.nameConstraints), true, value)]
      }
      const URI = 0x86
      expect(verify([leaf()], { roots: [root({ extensions: permit(URI, 'example.org') })] }).id.toString()).toBe(ID)
      const foreign = permit(URI, 'other.example')
      const refused = code('NAME_CONSTRAINTS')
      expect(() => verify([leaf()], { roots: [root({ extensions: foreign })] })).toThrow(refused)
      expect(() => verify([underMiddle(), middle({ extensions: foreign })])).toThrow(refused)
      expect(() => verify([underMiddle(), middle()], { roots: [root({ extensions: foreign })] })).toThrow(refused)
      expect(() => verify([leaf()], { roots: [root({ extensions: permit(0x87, '12345678') })] })).toThrow(refused)
    })

    it('refuses keys and algorithms that do not fit', () => {
      const rsa = generateSigningKey('RS256')
      expect(() => verify([leaf({ issuerKey: rsa })])).toThrow(code('KEY'))
      const wrongHash: SigningKey = {
        alg: 'ES384',
        publicJwk: rootKey.publicJwk,
        sign: () => new Uint8Array(96).fill(1),
      }
      expect(() => verify([leaf({ issuerKey: wrongHash })])).toThrow(code('KEY'))
      // The last arc of the algorithm becomes that of ecdsa-with-SHA1-like nonsense, inside and outside alike.
      const unknown = leaf()
      const oid = encodeOid(Oid.ecdsaWithSha256)
      for (let at = 0; at + oid.length <= unknown.length; at++) {
        if (oid.every((byte, index) => unknown[at + index] === byte)) unknown[at + oid.length - 1] = 9
      }
      expect(() => verify([unknown])).toThrow(code('ALGORITHM'))
    })
  })

  describe('several candidates of one name', () => {
    const other = generateSigningKey('ES256')

    it('goes on after one that does not fit', () => {
      const roots = [root({ subjectKey: other, issuerKey: other }), root({ notAfter: NOW - 1 }), root()]
      expect(verify([leaf()], { roots }).id.toString()).toBe(ID)
    })

    it('goes on after an intermediate that leads nowhere', () => {
      const nowhere = middle({ issuer: 'nobody', issuerKey: other })
      expect(verify([underMiddle(), nowhere, middle()]).id.toString()).toBe(ID)
    })

    it('stops after 16 signature checks', () => {
      const roots = new Array(17).fill(root({ subjectKey: other, issuerKey: other }))
      expect(() => verify([leaf()], { roots: [...roots, root()] })).toThrow(code('PATH_TOO_COMPLEX'))
      expect(verify([leaf()], { roots: [...roots.slice(0, 15), root()] }).id.toString()).toBe(ID)
    })

    it('asks the one with the right key identifier first', () => {
      const keyId = (byte: number) => new Uint8Array(20).fill(byte)
      const wrong = root({
        subjectKey: other,
        issuerKey: other,
        extensions: [...CA_EXTENSIONS, subjectKeyIdentifier(keyId(1))],
      })
      const silent = root({ subjectKey: other, issuerKey: other })
      const right = root({ extensions: [...CA_EXTENSIONS, subjectKeyIdentifier(keyId(2))] })
      const certificate = leaf({ extensions: [USAGE, NAMES, authorityKeyIdentifier(keyId(2))] })
      const roots = [...new Array(20).fill(wrong), ...new Array(20).fill(silent), right]
      expect(verify([certificate], { roots }).id.toString()).toBe(ID)
      expect(verify([certificate], { roots: [...new Array(20).fill(wrong), root()] }).id.toString()).toBe(ID)
    })

    it('ends when intermediates sign each other', () => {
      const a = middle({ subject: 'a', issuer: 'b', subjectKey: middleKey, issuerKey: lowKey })
      const b = middle({ subject: 'b', issuer: 'a', subjectKey: lowKey, issuerKey: middleKey })
      const certificate = leaf({ issuer: 'a', issuerKey: middleKey })
      expect(() => verify([certificate, a, b, a, b, a, b, a])).toThrow(
        expect.objectContaining({ name: 'CertificateError' }),
      )
      expect(() => verify([certificate, a, b])).toThrow(code('UNTRUSTED'))
    })
  })

  describe('X509Anchors', () => {
    it('imports each key once', () => {
      let imports = 0
      const counting: CryptoBackend = {
        ...nodeCrypto,
        importPublicJwk(jwk, alg) {
          imports++
          return nodeCrypto.importPublicJwk(jwk, alg)
        },
      }
      const anchors = new X509Anchors([root()], counting)
      expect(anchors.certificates).toHaveLength(1)
      expect(imports).toBe(0)
      for (let round = 0; round < 3; round++) {
        verifyX509Svid({ chain: [leaf()], roots: () => anchors, now: NOW, crypto: counting })
      }
      expect(imports).toBe(1)
    })
  })

  describe('with an asynchronous backend', () => {
    const later: CryptoBackend = {
      ...nodeCrypto,
      async importPublicJwk(jwk, alg) {
        const key = nodeCrypto.importPublicJwk(jwk, alg)
        return { alg, verify: async (data, signature) => key.verify(data, signature) }
      },
    }

    it('accepts and refuses the same', async () => {
      const chain = [leaf({ issuer: 'low', issuerKey: lowKey }), low(), middle()]
      expect((await verify(chain, { crypto: later })).id.toString()).toBe(ID)
      await expect(verify([leaf({ issuerKey: middleKey })], { crypto: later })).rejects.toThrow(code('SIGNATURE'))
      await expect(verify([leaf({ issuerKey: generateSigningKey('RS256') })], { crypto: later })).rejects.toThrow(
        code('KEY'),
      )
      const roots = [root({ subjectKey: leafKey, issuerKey: leafKey }), root()]
      expect((await verify([leaf()], { crypto: later, roots })).id.toString()).toBe(ID)
    })
  })

  it('passes on what is not a refusal', () => {
    const broken: CryptoBackend = {
      ...nodeCrypto,
      importPublicJwk() {
        throw new RangeError('broken backend')
      },
    }
    expect(() => verify([leaf()], { crypto: broken })).toThrow(RangeError)
  })
})
