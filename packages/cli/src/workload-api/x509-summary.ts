import { X509Certificate } from 'node:crypto'
import { splitDer } from './split-der.ts'

/** What may be told of an X509-SVID. The key is not part of it. */
export interface X509Summary {
  readonly spiffeId: string
  readonly hint?: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
  readonly serialNumber: string
  /** Certificates from the leaf to the last intermediate. */
  readonly chain: readonly { readonly subject: string; readonly issuer: string; readonly expiresAt: number }[]
  readonly rootCount: number
}

interface Svid {
  readonly spiffeId: string
  readonly x509Svid: Uint8Array
  readonly bundle: Uint8Array
  readonly hint: string
}

export function summarizeX509(svid: Svid): X509Summary {
  const certificates = splitDer(svid.x509Svid).map((der) => new X509Certificate(der))
  const [leaf] = certificates
  return {
    spiffeId: svid.spiffeId,
    ...(svid.hint === '' ? {} : { hint: svid.hint }),
    expiresAt: leaf === undefined ? 0 : endOf(leaf),
    serialNumber: leaf?.serialNumber.toLowerCase() ?? '',
    chain: certificates.map((certificate) => ({
      subject: oneLine(certificate.subject),
      issuer: oneLine(certificate.issuer),
      expiresAt: endOf(certificate),
    })),
    rootCount: splitDer(svid.bundle).length,
  }
}

function endOf(certificate: X509Certificate): number {
  return Math.floor(Date.parse(certificate.validTo) / 1000)
}

/** node:crypto writes one attribute per line. */
function oneLine(name: string | undefined): string {
  return name === undefined || name === '' ? '(empty)' : name.split('\n').join(', ')
}
