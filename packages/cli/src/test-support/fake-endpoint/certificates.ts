import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as never)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export interface CertificateOptions {
  readonly subject?: string
  readonly uris?: readonly string[]
  readonly isSanCritical?: boolean
  readonly isCa?: boolean
  /** `undefined` leaves the extension out. */
  readonly keyUsage?: x509.KeyUsageFlags | undefined
  readonly isKeyUsageCritical?: boolean
  readonly extendedKeyUsage?: readonly string[] | undefined
  /** Epoch seconds. */
  readonly notBefore: number
  readonly notAfter: number
}

/** A certificate and its key, whatever the certificate says: for servers that get one thing wrong. */
export interface Issued {
  readonly certificate: x509.X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
  readonly der: Uint8Array
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array
}

export const USAGE = x509.KeyUsageFlags
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

let serial = 1

/** @param issuer without one, the certificate signs itself */
export async function issueCertificate(options: CertificateOptions, issuer?: Issued, key?: Issued): Promise<Issued> {
  const { subject = '', uris = [], isSanCritical = false, isCa = false, isKeyUsageCritical = true } = options
  const keys = key?.keys ?? (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']))
  const names = uris.map((value) => ({ type: 'url' as const, value }))
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(isCa, undefined, true)]
  if (options.keyUsage !== undefined) extensions.push(new x509.KeyUsagesExtension(options.keyUsage, isKeyUsageCritical))
  if (options.extendedKeyUsage !== undefined) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...options.extendedKeyUsage]))
  }
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names, isSanCritical))
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16).padStart(8, '0'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(options.notBefore * 1000),
    notAfter: new Date(options.notAfter * 1000),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions,
  })
  return {
    certificate,
    keys,
    der: new Uint8Array(certificate.rawData),
    privateKey: new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
  }
}

export async function createCrl(issuer: Issued, now: number): Promise<Uint8Array> {
  const crl = await x509.X509CrlGenerator.create({
    issuer: issuer.certificate.subject,
    thisUpdate: new Date(now * 1000),
    signingAlgorithm: ALGORITHM,
    signingKey: issuer.keys.privateKey,
  })
  return new Uint8Array(crl.rawData)
}

export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export function toPem(label: string, der: Uint8Array): Uint8Array {
  const body = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')
  return new Uint8Array(Buffer.from(`-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`))
}
