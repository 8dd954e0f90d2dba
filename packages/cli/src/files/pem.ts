/** PEM as people keep it: with text between blocks and lines of any length. */
const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/

/** The certificates of a text, DER, in order. Other blocks are passed over. */
export function pemCertificates(text: string): readonly Uint8Array[] {
  return [...text.matchAll(BLOCK)].map(([, base64 = '']) => Buffer.from(base64, 'base64'))
}

export function holdsPrivateKey(text: string): boolean {
  return PRIVATE_KEY.test(text)
}

/** PKCS#8 as PEM (RFC 7468 section 10), with a final line feed. Secret. */
export function privateKeyPem(pkcs8: Uint8Array): string {
  return pemBlock('PRIVATE KEY', pkcs8)
}

/** One block, with a final line feed. RFC 7468 section 3. */
export function pemBlock(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
