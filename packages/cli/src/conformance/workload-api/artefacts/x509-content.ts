import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { type Certificate, parseCertificate } from '@countersign/protocol'
import { splitDer } from '../../../workload-api/split-der.ts'

/** One certificate as two independent parsers see it. */
export interface ParsedCertificate {
  readonly der: Uint8Array
  readonly certificate: Certificate
  readonly openssl: X509Certificate
}

/**
 * Certificates written one after the other as DER.
 *
 * @throws Error of whichever parser refuses first
 */
export function parseCertificates(octets: Uint8Array): readonly ParsedCertificate[] {
  return splitDer(octets).map((der) => ({
    der,
    certificate: parseCertificate(der),
    openssl: new X509Certificate(der),
  }))
}

/** What keeps octets from being a list of DER certificates, with at least one. */
export function certificatesProblem(octets: Uint8Array): string | undefined {
  if (isPem(octets)) return 'PEM'
  try {
    return parseCertificates(octets).length === 0 ? 'nothing' : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function isPem(octets: Uint8Array): boolean {
  return Buffer.from(octets.subarray(0, 64)).toString('latin1').trimStart().startsWith('-----BEGIN')
}

export function isSelfSigned({ openssl }: ParsedCertificate): boolean {
  return openssl.checkIssued(openssl) && openssl.verify(openssl.publicKey)
}

/** What keeps octets from being an unencrypted PKCS#8 private key. */
export function privateKeyProblem(octets: Uint8Array): string | undefined {
  if (isPem(octets)) return 'PEM'
  try {
    createPrivateKey({ key: Buffer.from(octets), format: 'der', type: 'pkcs8' })
    return undefined
  } catch {
    return isOtherKey(octets) ? 'a private key in another format than PKCS#8' : 'no unencrypted PKCS#8 key'
  }
}

function isOtherKey(octets: Uint8Array): boolean {
  return (['pkcs1', 'sec1'] as const).some((type) => {
    try {
      createPrivateKey({ key: Buffer.from(octets), format: 'der', type })
      return true
    } catch {
      return false
    }
  })
}

/** Whether a private key is that of a certificate. */
export function isKeyOf(octets: Uint8Array, { openssl }: ParsedCertificate): boolean {
  const key = createPrivateKey({ key: Buffer.from(octets), format: 'der', type: 'pkcs8' })
  return openssl.checkPrivateKey(key) && createPublicKey(key).equals(openssl.publicKey)
}
