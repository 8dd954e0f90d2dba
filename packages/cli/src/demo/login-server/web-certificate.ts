import { buildCaCertificate, encodePem, issueTlsCertificate, randomSerial, X509Issuer } from '@countersign/protocol'
import { nodeCrypto as crypto, generateSigningKey } from '@countersign/protocol/keys-node'

/** A certificate for 127.0.0.1 under a root of its own. All PEM. */
export interface WebCertificate {
  readonly cert: string
  readonly key: string
  readonly root: string
}

const BACKDATE_SECONDS = 60
const LIFETIME_SECONDS = 86_400

/** @param now seconds since the Unix epoch */
export async function makeWebCertificate(now: number): Promise<WebCertificate> {
  const times = { notBefore: now - BACKDATE_SECONDS, notAfter: now + LIFETIME_SECONDS }
  const rootKey = generateSigningKey('ES256')
  const root = await buildCaCertificate({
    key: rootKey,
    crypto,
    subject: { commonName: 'Login server of the demo' },
    trustDomain: 'login.example',
    ...times,
    serial: randomSerial(crypto),
  })
  const key = generateSigningKey('ES256')
  const leaf = await issueTlsCertificate({
    issuer: new X509Issuer({ certificate: root, key: rootKey }),
    publicKeySpki: await crypto.exportSpki(key.publicJwk),
    dnsNames: [],
    ipAddresses: ['127.0.0.1'],
    ...times,
    serial: randomSerial(crypto),
  })
  return { cert: encodePem([leaf]), key: toKeyPem(key.exportPkcs8()), root: encodePem([root]) }
}

function toKeyPem(pkcs8: Uint8Array): string {
  const lines = Buffer.from(pkcs8).toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`
}
