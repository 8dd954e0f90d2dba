import 'reflect-metadata'
import { execFileSync, spawnSync } from 'node:child_process'
import { createPublicKey, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as peculiar from '@peculiar/x509'
import { afterAll, describe, expect, it } from 'vitest'
import { spiffeId } from '../identifier/workload-id.ts'
import { generateSigningKey, nodeCrypto } from '../keys-node/index.ts'
import { buildCaCertificate } from './build-ca-certificate.ts'
import { buildCrl } from './build-crl.ts'
import { parseCertificate } from './certificate.ts'
import { parseCrl, verifyCrl } from './crl.ts'
import { issueX509Svid } from './issue-x509-svid.ts'
import { decodePem, encodePem } from './pem.ts'
import { randomSerial } from './serial-number.ts'
import { type VerifiedX509Svid, verifyX509Svid } from './verify-x509-svid.ts'
import { X509Anchors } from './x509-anchors.ts'

/** Other implementations read what is issued here, and the other way round. */
const NOW = 1_800_000_000
const ID = 'spiffe://example.org/ns/payments'
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256', 'RS384', 'RS512'] as const

// The program is on every machine that builds this project in CI, but is not needed to use it.
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'countersign-x509-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string) => join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe', encoding: 'utf8' })

function issueChain(alg: (typeof ALGORITHMS)[number]) {
  const key = generateSigningKey(alg)
  const root = buildCaCertificate({
    key,
    crypto: nodeCrypto,
    subject: { organization: 'Müller', commonName: 'root' },
    trustDomain: 'example.org',
    notBefore: NOW,
    notAfter: NOW + 3600,
    serial: randomSerial(nodeCrypto),
  }) as Uint8Array
  const leaf = issueX509Svid({
    issuer: { certificate: root, key },
    publicKeySpki: nodeCrypto.exportSpki(generateSigningKey(alg).publicJwk),
    subject: spiffeId('example.org', '/ns/payments'),
    notBefore: NOW,
    notAfter: NOW + 60,
    serial: randomSerial(nodeCrypto),
    dnsNames: ['payments.example'],
    commonName: 'payments',
  }) as Uint8Array
  return { root, leaf, key }
}

function accepted(leaf: Uint8Array, root: Uint8Array): string {
  const options = { chain: [leaf], roots: () => [root], now: parseCertificate(leaf).notBefore, crypto: nodeCrypto }
  return (verifyX509Svid(options) as VerifiedX509Svid).id.toString()
}

describe.each(ALGORITHMS)('what %s signed here', (alg) => {
  const { root, leaf, key } = issueChain(alg)
  const crlOf = (serial: Uint8Array) =>
    buildCrl({
      issuer: { certificate: root, key },
      revoked: [{ serial, revokedAt: NOW, reason: 'privilegeWithdrawn' }],
      thisUpdate: NOW,
      nextUpdate: NOW + 60,
      number: 300,
    }) as Uint8Array

  it('is read by node:crypto', () => {
    const ca = new X509Certificate(root)
    const end = new X509Certificate(leaf)
    expect(ca.ca).toBe(true)
    expect(end.ca).toBe(false)
    expect(ca.verify(ca.publicKey)).toBe(true)
    expect(end.verify(ca.publicKey)).toBe(true)
    expect(end.checkIssued(ca)).toBe(true)
    expect(end.subjectAltName).toBe(`URI:${ID}, DNS:payments.example`)
    expect(end.subject).toBe('O=Countersign\nCN=payments')
    expect(end.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    expect([end.validFromDate.getTime(), end.validToDate.getTime()]).toEqual([NOW * 1000, (NOW + 60) * 1000])
    expect(
      end.publicKey.equals(
        createPublicKey({ key: Buffer.from(parseCertificate(leaf).spki), format: 'der', type: 'spki' }),
      ),
    ).toBe(true)
  })

  it('is read by @peculiar/x509', async () => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const ca = new peculiar.X509Certificate(new Uint8Array(root))
    const end = new peculiar.X509Certificate(new Uint8Array(leaf))
    expect(await end.verify({ publicKey: ca.publicKey, signatureOnly: true })).toBe(true)
    expect(end.getExtension(peculiar.BasicConstraintsExtension)?.ca).toBe(false)
    const usages = peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign
    expect(ca.getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(usages)
    expect(end.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      ca.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId,
    )
  })

  it.runIf(hasOpenssl)('is accepted by openssl verify, strictly, for both sides of TLS', () => {
    writeFileSync(file(`${alg}-root.pem`), encodePem([root]))
    writeFileSync(file(`${alg}-leaf.pem`), encodePem([leaf]))
    for (const purpose of ['sslserver', 'sslclient']) {
      const args = ['-x509_strict', '-check_ss_sig', '-purpose', purpose, '-attime', String(NOW + 1)]
      expect(openssl('verify', ...args, '-CAfile', `${alg}-root.pem`, `${alg}-leaf.pem`)).toContain(': OK')
    }
  })

  it('revokes for @peculiar/x509', async () => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const list = new peculiar.X509Crl(new Uint8Array(crlOf(parseCertificate(leaf).serial)))
    expect(await list.verify({ publicKey: new peculiar.X509Certificate(new Uint8Array(root)).publicKey })).toBe(true)
    expect(list.findRevoked(new peculiar.X509Certificate(new Uint8Array(leaf)))?.reason).toBe(
      peculiar.X509CrlReason.privilegeWithdrawn,
    )
    expect([list.thisUpdate.getTime(), list.nextUpdate?.getTime()]).toEqual([NOW * 1000, (NOW + 60) * 1000])
  })

  it.runIf(hasOpenssl)('revokes for openssl, that certificate and no other', () => {
    writeFileSync(file(`${alg}-root.pem`), encodePem([root]))
    writeFileSync(file(`${alg}-leaf.pem`), encodePem([leaf]))
    const verify = (serial: Uint8Array) => {
      writeFileSync(file(`${alg}.crl`), crlOf(serial))
      openssl('crl', '-inform', 'DER', '-in', `${alg}.crl`, '-out', `${alg}-crl.pem`)
      const args = ['-x509_strict', '-crl_check', '-attime', String(NOW + 1), '-CRLfile', `${alg}-crl.pem`]
      return spawnSync('openssl', ['verify', ...args, '-CAfile', `${alg}-root.pem`, `${alg}-leaf.pem`], {
        cwd: folder,
        encoding: 'utf8',
      })
    }
    expect(verify(parseCertificate(leaf).serial)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('certificate revoked'),
    })
    expect(verify(Uint8Array.of(1))).toMatchObject({ status: 0, stdout: expect.stringContaining(': OK') })
    const told = spawnSync('openssl', ['crl', '-in', `${alg}-crl.pem`, '-CAfile', `${alg}-root.pem`, '-text'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(told.stderr).toContain('verify OK')
    expect(told.stdout).toMatch(/X509v3 CRL Number:\s+300[\s\S]*Privilege Withdrawn/)
  })

  it('is accepted here', () => {
    expect(accepted(leaf, root)).toBe(ID)
  })
})

describe('what others signed', () => {
  it.runIf(hasOpenssl)('is accepted from openssl', () => {
    const subjectAltName = `subjectAltName=URI:${ID},DNS:payments.example`
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=openssl',
      '-days',
      '2',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    )
    openssl('req', '-newkey', 'ed25519', '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=leaf')
    writeFileSync(
      file('leaf.ext'),
      `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n${subjectAltName}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer\ncertificatePolicies=1.2.3.4\n`,
    )
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      'leaf.ext',
      '-out',
      'leaf.pem',
    )
    const [root = new Uint8Array()] = decodePem(readFileSync(file('ca.pem'), 'utf8'))
    const [leaf = new Uint8Array()] = decodePem(readFileSync(file('leaf.pem'), 'utf8'))
    expect(accepted(leaf, root)).toBe(ID)
    expect(parseCertificate(leaf).dnsSans).toEqual(['payments.example'])
    expect(encodePem([root])).toBe(readFileSync(file('ca.pem'), 'utf8'))
  })

  it('is a revocation list from @peculiar/x509', async () => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const { root, leaf, key } = issueChain('ES256')
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const signingKey = await webcrypto.subtle.importKey('pkcs8', key.exportPkcs8(), algorithm, false, ['sign'])
    const list = await peculiar.X509CrlGenerator.create({
      issuer: new peculiar.X509Certificate(new Uint8Array(root)).subjectName,
      thisUpdate: new Date(NOW * 1000),
      nextUpdate: new Date((NOW + 60) * 1000),
      entries: [
        {
          serialNumber: Buffer.from(parseCertificate(leaf).serial).toString('hex'),
          reason: peculiar.X509CrlReason.keyCompromise,
        },
      ],
      extensions: [
        new peculiar.AuthorityKeyIdentifierExtension(
          Buffer.from(parseCertificate(root).subjectKeyId ?? []).toString('hex'),
        ),
        new peculiar.Extension('2.5.29.20', false, Uint8Array.of(2, 1, 9)),
      ],
      signingAlgorithm: algorithm,
      signingKey,
    })
    const { crl } = await verifyCrl(new Uint8Array(list.rawData), new X509Anchors([root], nodeCrypto))
    expect(crl.revoked).toEqual([parseCertificate(leaf).serial])
  })

  it.runIf(hasOpenssl)('is a revocation list from openssl', async () => {
    const { root, leaf, key } = issueChain('ES256')
    writeFileSync(file('own-root.pem'), encodePem([root]))
    writeFileSync(file('own-leaf.pem'), encodePem([leaf]))
    const pkcs8 = Buffer.from(key.exportPkcs8()).toString('base64')
    writeFileSync(file('own.key'), `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`, {
      mode: 0o600,
    })
    writeFileSync(file('index.txt'), '')
    writeFileSync(file('crlnumber'), '1f\n')
    writeFileSync(
      file('ca.conf'),
      '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=1\ncrl_extensions=crl\n[crl]\nauthorityKeyIdentifier=keyid\n',
    )
    const own = ['-config', 'ca.conf', '-cert', 'own-root.pem', '-keyfile', 'own.key']
    openssl('ca', ...own, '-revoke', 'own-leaf.pem', '-crl_reason', 'keyCompromise')
    openssl('ca', ...own, '-gencrl', '-out', 'own-crl.pem')
    openssl('crl', '-in', 'own-crl.pem', '-outform', 'DER', '-out', 'own.crl')
    const der = new Uint8Array(readFileSync(file('own.crl')))
    const { crl } = await verifyCrl(der, new X509Anchors([root], nodeCrypto))
    expect(crl.revoked).toEqual([parseCertificate(leaf).serial])
    expect(parseCrl(der).number).toEqual(Uint8Array.of(0x1f))
  })

  it('is accepted from @peculiar/x509', async () => {
    peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const time = { notBefore: new Date(NOW * 1000), notAfter: new Date((NOW + 60) * 1000) }
    const root = await peculiar.X509CertificateGenerator.createSelfSigned({
      name: 'CN=peculiar',
      serialNumber: '01',
      ...time,
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new peculiar.BasicConstraintsExtension(true, undefined, true),
        new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.keyCertSign, true),
      ],
    })
    const leaf = await peculiar.X509CertificateGenerator.create({
      subject: '',
      issuer: 'CN=peculiar',
      serialNumber: '02',
      ...time,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.digitalSignature, true),
        new peculiar.SubjectAlternativeNameExtension([{ type: 'url', value: ID }], true),
      ],
    })
    expect(accepted(new Uint8Array(leaf.rawData), new Uint8Array(root.rawData))).toBe(ID)
  })
})
