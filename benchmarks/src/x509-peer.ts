import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import * as peculiar from '@peculiar/x509'
import { NOW, SUBJECT } from './fixtures.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** @peculiar/x509 issuing the certificate that `issueX509Svid` issues, from a public key or from a signing request. */
export async function makePeculiarIssuer() {
  peculiar.cryptoProvider.set(webcrypto as unknown as Parameters<typeof peculiar.cryptoProvider.set>[0])
  const ca = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const leaf = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const authority = await peculiar.AuthorityKeyIdentifierExtension.create(ca.publicKey)
  const issue = (publicKey: webcrypto.CryptoKey) =>
    peculiar.X509CertificateGenerator.create({
      serialNumber: randomBytes(16).toString('hex'),
      issuer: 'CN=ca',
      subject: 'O=Countersign',
      notBefore: new Date(NOW * 1000),
      notAfter: new Date((NOW + 3600) * 1000),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: ca.privateKey,
      extensions: [
        new peculiar.BasicConstraintsExtension(false, undefined, true),
        new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.digitalSignature, true),
        authority,
        new peculiar.ExtendedKeyUsageExtension([
          peculiar.ExtendedKeyUsage.serverAuth,
          peculiar.ExtendedKeyUsage.clientAuth,
        ]),
        new peculiar.SubjectAlternativeNameExtension([{ type: 'url', value: SUBJECT.toString() }]),
      ],
    })
  const request = await peculiar.Pkcs10CertificateRequestGenerator.create({
    name: 'O=Countersign',
    keys: leaf,
    signingAlgorithm: ALGORITHM,
    extensions: [new peculiar.SubjectAlternativeNameExtension([{ type: 'url', value: SUBJECT.toString() }])],
  })
  return {
    request: new Uint8Array(request.rawData),
    fromPublicKey: () => issue(leaf.publicKey),
    async fromRequest() {
      const parsed = new peculiar.Pkcs10CertificateRequest(request.rawData)
      if (!(await parsed.verify())) throw new Error('request signature')
      return await issue(await parsed.publicKey.export())
    },
  }
}
