/** PKCS#8 in a `PRIVATE KEY` block. RFC 7468 section 10. Secret. */
export function encodePrivateKeyPem(pkcs8: Uint8Array): string {
  const base64 = Buffer.from(pkcs8).toString('base64')
  const lines = base64.match(/.{1,64}/g) ?? []
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n')
}
